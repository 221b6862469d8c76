/**
 * A repository of a wanted size with a history like a real one's: many files, of which each commit changes a few. Its
 * contents are random text, so that git cannot make it small, and it is made by `git fast-import`, which takes seconds.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";

const FILE_BYTES = 8_192;
const FILES_A_FOLDER = 60;
const CHANGES = 4;
/** Random bytes as base64 take about three quarters of their size in a pack. */
const PACKED = 0.76;

/** Makes a bare repository at `folder` of about this many bytes in its pack: two fifths of them the newest files. */
export async function makeRepository(folder: string, bytes: number): Promise<void> {
  const objects = Math.max(10, Math.round(bytes / (FILE_BYTES * PACKED)));
  const files = Math.round(objects * 0.4);
  const commits = Math.max(1, Math.round((objects - files) / CHANGES));
  await git(["init", "-q", "--bare", "-b", "main", folder]);
  const importing = spawn("git", ["fast-import", "--quiet"], { cwd: folder, stdio: ["pipe", "inherit", "inherit"] });
  const ended = once(importing, "exit");
  const write = async (text: string): Promise<void> => {
    if (!importing.stdin.write(text)) await once(importing.stdin, "drain");
  };
  const file = (n: number): string => {
    const text = randomBytes((FILE_BYTES / 4) * 3).toString("base64");
    return `M 100644 inline src/part-${Math.floor(n / FILES_A_FOLDER)}/file-${n}.txt\ndata ${text.length}\n${text}\n`;
  };
  const commit = (n: number): string =>
    `commit refs/heads/main\ncommitter Bench <bench@localhost> ${1_700_000_000 + n * 60} +0000\ndata 6\nchange\n`;

  await write(commit(0));
  for (let n = 0; n < files; n += 1) await write(file(n));
  for (let n = 1; n <= commits; n += 1) {
    await write(commit(n));
    for (let change = 0; change < CHANGES; change += 1) await write(file((n * 37 + change * 101) % files));
  }
  importing.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  // As a host keeps it: one pack.
  await git(["-C", folder, "repack", "-q", "-a", "-d"]);
}

async function git(args: readonly string[]): Promise<void> {
  const child = spawn("git", args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`git ${args[0]} ended with ${code}`);
}
