/** The workers this server starts beside itself: plain processes, each with a single-use launch token and no secret. */

import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { z } from "zod";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Queue } from "../queue/contract.ts";
import { type Gone, startFleet } from "./fleet.ts";
import { createProcessProvider } from "./process-provider.ts";

/** Milliseconds a worker gets at a stop before it is killed; its own drain is a little shorter. */
const STOP_MS = 10_000;
const WORKER = fileURLToPath(new URL("../../../worker/src/main.ts", import.meta.url));
/** What a worker takes over from this server's environment: where programs are, how text reads, which authorities count. */
const INHERITED = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "HIVE_AGENT_UID_BASE",
] as const;

export interface LocalWorkersOptions {
  readonly config: Config;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registrar: LaunchTokens;
  readonly dispatcherUrl: string;
  readonly llmUrl: string;
  /** For workspaces, mirrors and notes about running workers. */
  readonly folder: string;
  readonly variable: (name: string) => string | undefined;
}

/** Starts `config.workers` workers and keeps that many. */
export async function startWorkers(options: LocalWorkersOptions): Promise<{ stop(): Promise<void> }> {
  const { config, log, folder } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const path of [config.data, folder]) await letPass(path);
  const inherited = Object.fromEntries(
    INHERITED.map((name) => [name, options.variable(name)] as const).filter(
      (pair): pair is [(typeof pair)[0], string] => pair[1] !== undefined,
    ),
  );
  const provider = await createProcessProvider({
    folder: join(folder, "running"),
    command: [process.execPath, WORKER],
    clock: options.clock,
    onLine: (worker, line) => passOn(log, worker.name, line),
  });
  const fleet = await startFleet({
    provider,
    size: config.workers,
    clock: options.clock,
    issueLaunchToken: (profile) => options.registrar.issue({ ...profile, isolation: provider.isolation }),
    revokeLaunchToken: (token) => options.registrar.revoke(token),
    environmentOf: (slot) => ({
      ...inherited,
      HIVE_URL: options.dispatcherUrl,
      HIVE_LLM_URL: options.llmUrl,
      // Read line by line below.
      HIVE_LOG: "json",
      HIVE_WORKER_DATA: join(folder, String(slot)),
      HIVE_MIRRORS: join(folder, "mirrors"),
      HIVE_ALLOW_FILE_REPOS: config.allowFileRepos ? "1" : "0",
      HIVE_ALLOW_UNISOLATED: config.allowUnisolated ? "1" : "0",
      ...(config.agentCommand === undefined ? {} : { HIVE_AGENT_COMMAND: config.agentCommand }),
      ...(config.claudeModel === undefined ? {} : { HIVE_CLAUDE_MODEL: config.claudeModel }),
    }),
    onGone: (gone) => tellQueue(options, gone),
    log,
  });
  return { stop: () => fleet.stop(STOP_MS) };
}

/**
 * Lets other users pass through a folder without listing it. As root, each slot runs its jobs as a user of its own, who
 * has to reach the slot's workspace below here; could it not, jobs would run as root and read every secret. What else
 * is in the folder is closed to others by its own mode.
 */
async function letPass(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { mode } = await stat(path);
  if ((mode & 0o011) !== 0o011) await chmod(path, (mode & 0o777) | 0o011);
}

/** Ends the leases of a worker that is certainly gone, so that its job need not wait for them to run out. */
async function tellQueue({ queue, log }: LocalWorkersOptions, gone: Gone): Promise<void> {
  try {
    const ids = await queue.read((state) =>
      [...state.workers.values()]
        .filter(({ record }) => record.name === gone.name && record.provider === gone.provider)
        .map(({ record }) => record.id),
    );
    for (const workerId of ids) {
      await queue.submit<"workerGone">({ type: "workerGone", workerId, blame: gone.blame, message: gone.message });
    }
  } catch (error) {
    // The lease runs out by itself; this only made it quicker.
    log.warn({ err: error }, `the queue was not told that ${gone.name} is gone`);
  }
}

const said = z.looseObject({ level: z.number(), msg: z.string() });

/** A worker logs JSON lines as this server does; what else appears there (a crash of Node) is passed on as it is. */
function passOn(log: Logger, worker: string, line: string): void {
  const { level, msg, time: _, ...more } = readLine(line);
  const fields = { ...more, worker };
  if (level >= 50) log.error(fields, msg);
  else if (level >= 40) log.warn(fields, msg);
  else if (level >= 30) log.info(fields, msg);
  else log.debug(fields, msg);
}

function readLine(line: string): z.infer<typeof said> {
  try {
    const parsed = said.safeParse(JSON.parse(line));
    if (parsed.success) return parsed.data;
  } catch {
    // Plain text.
  }
  return { level: 40, msg: line };
}
