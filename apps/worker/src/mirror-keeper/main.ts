/**
 * The mirror keeper as a program beside the dispatcher. Its settings are the first line of its standard input, every
 * further line is a request; answers are lines on standard output, its log is on standard error. Pipes and not a socket:
 * nobody but the process that started it can ask, credentials pass through nothing that has a name, and when the
 * dispatcher is gone, however it ended, the input closes and so does this.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import {
  type KeeperAnswer,
  type KeeperRequest,
  keeperRequestSchema,
  type KeeperSettings,
  keeperSettingsSchema,
} from "@hive/protocol";
import { destination, pino } from "pino";
import { withFileLock } from "../git/file-lock.ts";
import { createGit } from "../git/git.ts";
import { createMirrorKeeper, type MirrorKeeper } from "./keeper.ts";
import { machineOf } from "./shelf.ts";

/** Milliseconds between looks for mirrors to remove. */
const TIDY_MS = 600_000;
/** Milliseconds an older keeper of the same folder has to end. */
const TAKEOVER_MS = 15_000;

const log = pino({ level: "info", base: null }, destination({ fd: 2, sync: true }));

async function serve(settings: KeeperSettings, lines: AsyncIterable<string>): Promise<void> {
  const privateFolder = join(settings.folder, "private");
  await mkdir(privateFolder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(privateFolder))
    await rm(join(privateFolder, name), { recursive: true, force: true });
  const keeper = await createMirrorKeeper({
    git: createGit({
      privateFolder,
      path: settings.path,
      ...(settings.caFile === undefined ? {} : { caFile: settings.caFile }),
    }),
    folder: settings.folder,
    allowFileRepos: settings.allowFileRepos,
    limits: settings,
    machine: machineOf(settings.folder),
    log: { info: (message) => log.info(message), warn: (message) => log.warn(message) },
  });
  const tidy = (): void => void keeper.tidy().catch((err: unknown) => log.error({ err }, "tidying the mirrors failed"));
  tidy();
  const timer = setInterval(tidy, TIDY_MS);
  say({ ready: true });
  for await (const line of lines) {
    const request = keeperRequestSchema.safeParse(parseJson(line));
    if (request.success) void answer(keeper, request.data).then(say);
    else log.error("a line on standard input is no request");
  }
  clearInterval(timer);
  await keeper.stop();
}

async function answer(keeper: MirrorKeeper, request: KeeperRequest): Promise<KeeperAnswer> {
  const { id } = request;
  switch (request.do) {
    case "handOut":
      return { id, mirror: await keeper.handOut(request) };
    case "list":
      return { id, leases: [...keeper.leases()] };
    case "release":
      return keeper.release(request.lease).then(
        () => ({ id, released: true }),
        (err: unknown) => {
          log.error({ err }, "a hand-out could not be removed");
          return { id, released: false };
        },
      );
  }
}

function say(line: KeeperAnswer | { readonly ready: true }): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function run(): Promise<void> {
  // What is handed out is read by other users; folders that are nobody's business are made closed one by one.
  process.umask(0o022);
  const reader = createInterface({ input: process.stdin });
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => reader.close());
  const lines = reader[Symbol.asyncIterator]();
  const first = await lines.next();
  const settings = keeperSettingsSchema.safeParse(first.done === true ? null : parseJson(first.value));
  if (!settings.success) {
    const problems = settings.error.issues.map(({ path, code }) => `${path.join(".") || "the line"}: ${code}`);
    throw new Error(`The mirror keeper's settings cannot be used: ${problems.join("; ")}`);
  }
  const { folder } = settings.data;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const rest = { [Symbol.asyncIterator]: () => lines };
  await alone(join(folder, "keeper.lock"), () => serve(settings.data, rest));
}

/** Does the work while no other keeper holds the lock, which an older one may still do for a moment. */
async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  let ours = false;
  const begin = (): Promise<void> => {
    ours = true;
    return work();
  };
  const tryWithin = async (patience: AbortSignal): Promise<boolean> => {
    try {
      await withFileLock(lock, begin, patience);
    } catch (error) {
      if (ours || !patience.aborted) throw error;
    }
    return ours;
  };
  if (await tryWithin(AbortSignal.abort())) return;
  log.info("waiting for an older mirror keeper to end");
  if (await tryWithin(AbortSignal.timeout(TAKEOVER_MS))) return;
  throw new Error(`another mirror keeper holds ${lock}`);
}

// Nobody may be left to read our words; that is no reason to die before the work is put away.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
try {
  await run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
