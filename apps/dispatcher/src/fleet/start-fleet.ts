/** Puts the fleet together from the settings: its providers, and the environment each kind of worker gets. */

import { chmod, mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { LaunchTokens } from "../auth/registration.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { mirrorFolder } from "../mirrors/open-mirrors.ts";
import type { Queue } from "../queue/contract.ts";
import { runFolderOf } from "../run-folder.ts";
import { isRedisUrl } from "../store/store-options.ts";
import type { FleetChoice } from "./choose-fleet.ts";
import { openDocker } from "./docker/open-docker.ts";
import { readServerId } from "./docker/server-id.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { createProcessProvider } from "./process-provider.ts";
import type { ProviderName } from "./pool-settings.ts";
import type { Provider } from "./provider.ts";
import { passOn } from "./worker-log.ts";

/** Milliseconds a worker gets at a stop before it is killed; its own drain is a little shorter. */
export const STOP_MS = 10_000;
/** Characters of the server's id that tell its workers from those of other dispatchers. */
const TAG = 4;
const WORKER = fileURLToPath(new URL("../../../worker/src/main.ts", import.meta.url));
const CHECKOUT = fileURLToPath(new URL("../../../../", import.meta.url));
/** What a process takes over from this server's environment: where programs are, how text reads, which authorities count. */
const INHERITED = [
  "PATH",
  "LANG",
  "LC_ALL",
  "TZ",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "HIVE_AGENT_UID_BASE",
] as const;

export interface StartFleetOptions {
  readonly config: Config;
  readonly choice: FleetChoice;
  /** Every agent that jobs may name. */
  readonly agents: readonly string[];
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tokens: LaunchTokens;
  /** How a process of this machine reaches the dispatcher and the LLM gateway. */
  readonly dispatcherUrl: string;
  readonly llmUrl: string;
  readonly variable: (name: string) => string | undefined;
}

/** Starts the workers that the settings ask for, and keeps them. */
export async function startChosenFleet(options: StartFleetOptions): Promise<Fleet> {
  const { choice, clock, queue, log } = options;
  for (const warning of choice.warnings) log.warn(warning);
  const providers = new Map<ProviderName, Provider>();
  const folder = resolve(join(options.config.data, "workers"));
  if (choice.pools.some(({ provider }) => provider === "process")) {
    providers.set("process", await processes(options, folder));
  }
  if (choice.dockerHost !== null) providers.set("docker", await containers(options, choice.dockerHost));
  return startFleet({
    pools: choice.pools,
    dispatcher: isRedisUrl(options.config.store) ? (await readServerId(options.config.data)).slice(0, TAG) : null,
    providers,
    max: choice.max,
    queue,
    clock,
    log,
    tokens: options.tokens,
    everyAgent: options.agents,
    environmentOf: (pool, slot) => ({
      ...agentSettings(options.config),
      ...(pool.provider === "process"
        ? processEnvironment(options, folder, slot)
        : // `docker logs` shows the same lines.
          { HIVE_LOG: options.config.log === "json" ? "json" : "text" }),
    }),
  });
}

async function processes({ config, clock, log }: StartFleetOptions, folder: string): Promise<Provider> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const path of [config.data, folder]) await letPass(path);
  return createProcessProvider({
    folder: join(folder, "running"),
    command: [process.execPath, WORKER],
    clock,
    onLine: (worker, line) => passOn(log, worker.name, line),
  });
}

async function containers({ config, clock, log }: StartFleetOptions, address: string): Promise<Provider> {
  const { provider } = await openDocker({
    address,
    workerImage: config.workerImage ?? null,
    checkout: CHECKOUT,
    buildArgs: imageArguments(config),
    serverId: await readServerId(config.data),
    folders: { run: runFolderOf(config), handouts: join(mirrorFolder(config), "handouts") },
    clock,
    onLine: (worker, line) => passOn(log, worker.name, line),
    log: partLog(log),
  });
  return provider;
}

/** Arguments of the worker image's Dockerfile; compose.yaml and `npm run images` read the same settings. */
export function imageArguments({
  baseImage,
  agentClis,
  buildTools,
}: Pick<Config, "baseImage" | "agentClis" | "buildTools">): Readonly<Record<string, string>> {
  return {
    ...(baseImage === undefined ? {} : { BASE_IMAGE: baseImage }),
    ...(agentClis === undefined ? {} : { AGENTS: agentClis.trim() }),
    ...(buildTools ? {} : { BUILD_TOOLS: "0" }),
  };
}

function partLog(log: Logger): { info(message: string): void; warn(message: string): void } {
  return { info: (message) => log.info(message), warn: (message) => log.warn(message) };
}

function agentSettings({ agentCommand, claudeModel }: Config): Readonly<Record<string, string>> {
  return {
    ...(agentCommand === undefined ? {} : { HIVE_AGENT_COMMAND: agentCommand }),
    ...(claudeModel === undefined ? {} : { HIVE_CLAUDE_MODEL: claudeModel }),
  };
}

function processEnvironment(
  options: StartFleetOptions,
  folder: string,
  slot: number,
): Readonly<Record<string, string>> {
  const { config } = options;
  const inherited = INHERITED.map((name) => [name, options.variable(name)] as const).filter(
    (pair): pair is [(typeof pair)[0], string] => pair[1] !== undefined,
  );
  return {
    ...Object.fromEntries(inherited),
    // Nobody but this server reads what a process writes.
    HIVE_LOG: "json",
    HIVE_URL: options.dispatcherUrl,
    HIVE_LLM_URL: options.llmUrl,
    HIVE_WORKER_DATA: join(folder, String(slot)),
    HIVE_MIRRORS: join(folder, "mirrors"),
    HIVE_ALLOW_FILE_REPOS: config.allowFileRepos ? "1" : "0",
    HIVE_ALLOW_UNISOLATED: config.allowUnisolated ? "1" : "0",
  };
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
