/**
 * `hive-progress 40 "text"`: how a script tells people how far it is. The command appends a line to a file; the
 * supervisor reads it. The file is made and opened by the supervisor in a folder of its own, so a job can write into it
 * but cannot put a link or another file in its place.
 */
import { chmod, chown, mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Progress } from "../loops/heartbeat-loop.ts";
import type { AgentUser } from "../process/run.ts";

/** The progress of one job. */
export interface ProgressFile {
  /** Folder for the front of the job's PATH. */
  readonly bin: string;
  readonly file: string;
  /** Reads what is still unread, then stops. Safe to call twice. */
  stop(): Promise<void>;
}

const POLL_MS = 250;
const READ_BYTES = 64 * 1_024;
const LONGEST_MESSAGE = 1_000;

const COMMAND = `#!/bin/sh
# hive-progress [PERCENT] TEXT: tells Hive how far this job is. Always succeeds: progress is no reason to fail.
case "$1" in
  '' | *[!0-9.]*) percent= ;;
  *) percent=$1; shift ;;
esac
text=$(printf '%s' "$*" | tr '\\t\\n\\r' '   ')
printf '%s\\t%s\\n' "$percent" "$text" 2>/dev/null >>"$HIVE_PROGRESS_FILE" || :
`;

/** Puts the command and its file into `folder` (the supervisor's own) and begins to read. */
export async function openProgressFile(
  folder: string,
  user: AgentUser | undefined,
  onProgress: (progress: Progress) => void,
): Promise<ProgressFile> {
  const bin = join(folder, "bin");
  const file = join(folder, "progress");
  await mkdir(bin, { recursive: true });
  await chmod(bin, 0o755);
  await writeFile(join(bin, "hive-progress"), COMMAND);
  await chmod(join(bin, "hive-progress"), 0o755);
  await rm(file, { force: true }); // of the setup; it belongs to the job, so it cannot be opened again everywhere
  const handle = await open(file, "wx+", 0o600);
  if (user) await chown(file, user.uid, user.gid);

  let at = 0;
  let rest = "";
  let stopped = false;
  const buffer = Buffer.alloc(READ_BYTES);
  async function read(): Promise<void> {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    const lines = (rest + buffer.subarray(0, bytesRead).toString()).split("\n");
    rest = (lines.pop() ?? "").slice(0, READ_BYTES);
    const latest = lines.map(parseLine).findLast((progress) => progress !== undefined);
    if (latest) onProgress(latest);
  }
  // One read at a time, and none after the end: the next is planned when the last is through.
  let timer: NodeJS.Timeout | undefined;
  let reading: Promise<void> = Promise.resolve();
  const plan = (): void => {
    timer = setTimeout(() => {
      reading = read()
        .catch(() => {}) // progress is no reason to fail
        .then(() => {
          if (!stopped) plan();
        });
    }, POLL_MS);
  };
  plan();
  return {
    bin,
    file,
    async stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      await reading;
      await read().catch(() => {});
      await handle.close();
    },
  };
}

function parseLine(line: string): Progress | undefined {
  const [percent = "", ...words] = line.split("\t");
  const message = words.join(" ").trim().slice(0, LONGEST_MESSAGE);
  const number = percent === "" ? Number.NaN : Number(percent);
  const known = number >= 0 && number <= 100;
  if (!known && message === "") return undefined;
  return { ...(known ? { percent: number } : {}), ...(message === "" ? {} : { message }) };
}
