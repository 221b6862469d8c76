/**
 * The worker's settings: the only reader of the environment here. Everything is checked once, at the start, and all
 * problems are told together. Secrets leave `process.env` as soon as they were read, so that no child inherits them.
 */

import { hostname } from "node:os";
import { resolve } from "node:path";
import { nameSchema, serverUrls } from "@hive/protocol";
import { z } from "zod";

/** How this worker proves itself at registration. */
export type Credential =
  | { readonly kind: "secret"; readonly secret: string }
  | { readonly kind: "launch"; readonly token: string };

/** What the settings say of it: no file may be there yet when the worker starts; see `credential-file.ts`. */
export type ConfiguredCredential = Credential | { readonly kind: "file"; readonly files: readonly string[] };

/** Compiled settings; see `variables` for what each one means. */
export interface WorkerConfig {
  /** What the server's paths are put behind, one for each replica; with sockets only a name. */
  readonly dispatcherUrls: readonly string[];
  /** The replicas' Unix sockets, absolute; none: they are reached over the network. */
  readonly sockets: readonly string[];
  readonly credential: ConfiguredCredential;
  readonly name: string;
  readonly roles: readonly string[];
  readonly labels: readonly string[];
  readonly provider: "process" | "docker" | "fly" | "manual";
  /** Absolute. */
  readonly dataFolder: string;
  /** Absolute. */
  readonly mirrorFolder: string;
  /** Where the server's mirrors are mounted, absolute; null: this worker has mirrors of its own. */
  readonly handOutFolder: string | null;
  readonly slot: number;
  readonly uidBase: number | undefined;
  /** Null: the server passes calls of the gateway on. */
  readonly llmUrl: string | null;
  readonly agentCommand: string | null;
  readonly model: string | null;
  readonly allowFileRepos: boolean;
  readonly allowUnisolated: boolean;
  /** True where the worker itself is a container, so that an agent is kept from the machine. */
  readonly contained: boolean;
  readonly drainMs: number;
  readonly orphanMs: number;
  readonly idleTimeoutMs: number;
  /** Leaves after one job. */
  readonly oneShot: boolean;
  /** Touched whenever the server answered; null: no such file. */
  readonly contactFile: string | null;
  /** Processes and threads that the agent's user may have at once. */
  readonly agentProcesses: number;
  /** The image this worker runs from, as its launcher says; null: no image, or nobody said. */
  readonly image: { readonly name: string; readonly digest: string | null } | null;
  readonly log: "text" | "json" | "off";
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  /** The PATH that jobs search for programs. */
  readonly path: string;
  /** Certificate authorities beyond the system's, as a file; jobs get the same. */
  readonly extraCaFile: string | null;
}

/** A mistake in the environment; the message lists every problem. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The worker cannot start:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Characters of the shortest CALLBACK_SECRET. */
export const SECRET_SHORTEST = 16;

const names = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  )
  .pipe(z.array(nameSchema));
const flag = z.enum(["0", "1", "true", "false"]).transform((text) => text === "1" || text === "true");
const seconds = z.coerce
  .number()
  .min(0)
  .max(86_400)
  .transform((value) => Math.round(value * 1000));
const paths = z
  .string()
  .transform((text) => text.split(",").map((path) => path.trim()))
  .pipe(z.array(z.string().min(1, "must be a path, or several separated by commas")));
const httpUrl = z.url({ protocol: /^https?$/, error: "must be an address such as http://localhost:8099" });

const variables = z.object({
  /**
   * Where the dispatcher is, such as `http://localhost:8099`; several, separated by commas, where it has replicas: any of
   * them will do. Not needed with HIVE_SOCKET.
   */
  HIVE_URL: z
    .string()
    .transform(serverUrls)
    .pipe(z.array(httpUrl).min(1, "must be an address such as http://localhost:8099"))
    .optional(),
  /**
   * The server's Unix socket, or several as with HIVE_URL: for workers without network. Everything, also what jobs may
   * reach, goes through it.
   */
  HIVE_SOCKET: paths.optional(),
  /** The secret shared with the dispatcher: for long-lived workers that an operator starts. */
  CALLBACK_SECRET: z.string().min(SECRET_SHORTEST, "must have at least 16 characters").optional(),
  /**
   * A file that holds this secret, for containers; waited for a while at the start. Several, separated by commas, where
   * the server has replicas: any of them will do.
   */
  CALLBACK_SECRET_FILE: paths.optional(),
  /** A single-use registration token: what the fleet gives its workers instead of the secret. */
  HIVE_LAUNCH_TOKEN: z.string().min(16).optional(),
  /** Name shown to people. Default: the host's name and the slot. */
  HIVE_WORKER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "must be 1 to 64 of A-Z a-z 0-9 . _ -")
    .optional(),
  /** Comma-separated roles this worker plays. Empty: it takes any job. */
  HIVE_ROLES: names.default([]),
  /** Comma-separated labels, for jobs that ask for some. */
  HIVE_LABELS: names.default([]),
  /** Who started this worker. `process`: it leaves when its standard input closes (its parent is gone). */
  HIVE_PROVIDER: z.enum(["process", "docker", "fly", "manual"]).default("manual"),
  /** Folder for workspaces and unsent results. Default `hive-worker`. */
  HIVE_WORKER_DATA: z.string().min(1).default("hive-worker"),
  /** Folder of repository mirrors; workers of one machine may share it. Default: `mirrors` in HIVE_WORKER_DATA. */
  HIVE_MIRRORS: z.string().min(1).optional(),
  /** Where the server's folder of mirrors is mounted, for workers in containers. Absent: mirrors of its own. */
  HIVE_MIRROR_HANDOUTS: z.string().min(1).optional(),
  /** Number of this worker on its machine, from 0; as root it decides which user its agents run as. Default 0. */
  HIVE_WORKER_SLOT: z.coerce.number().int().min(0).max(4095).default(0),
  /** User id of slot 0's agents; slot n adds n. Default: see process/agent-user.ts. */
  HIVE_AGENT_UID_BASE: z.coerce.number().int().min(1000).max(2_000_000_000).optional(),
  /** Base address of the LLM gateway, for agents. Default: the dispatcher, which passes calls on to it. */
  HIVE_LLM_URL: httpUrl.optional(),
  /** Shell command line of the `command` agent. Absent: this worker has no such agent. */
  HIVE_AGENT_COMMAND: z.string().min(1).optional(),
  /** The model that agents ask for. Absent: each agent's own default. */
  HIVE_CLAUDE_MODEL: z.string().min(1).max(256).optional(),
  /** `1`: repositories may be folders of this machine (file://). Default 0. */
  HIVE_ALLOW_FILE_REPOS: flag.default(false),
  /** `1`: real agents may run although nothing isolates them from this machine. Default 0: only `demo` is offered. */
  HIVE_ALLOW_UNISOLATED: flag.default(false),
  /** Seconds a job may still take after SIGTERM before it is given back. Default 8: Docker kills after 10. */
  HIVE_DRAIN_SECONDS: seconds.default(8_000),
  /** Seconds a worker without a parent goes on trying to reach a dispatcher with its last result. Default 600. */
  HIVE_ORPHAN_SECONDS: seconds.default(600_000),
  /** Seconds without output before an agent counts as hung, where the job does not say. Default 900. */
  HIVE_IDLE_SECONDS: seconds.default(900_000),
  /** `1`: the worker does one job and leaves with code 0. Default 0. */
  HIVE_ONE_SHOT: flag.default(false),
  /** A file that is touched whenever the server answered, for health checks. Absent: none. */
  HIVE_CONTACT_FILE: z.string().min(1).optional(),
  /** Processes and threads that a job may have at once, where it has a user of its own (RLIMIT_NPROC). Default 4096. */
  HIVE_AGENT_PROCESSES: z.coerce.number().int().min(16).max(4_000_000).default(4_096),
  /** The image this worker runs from, and its digest: for results. Absent: results name none. */
  HIVE_IMAGE: z.string().min(1).max(512).optional(),
  HIVE_IMAGE_DIGEST: z.string().min(1).max(128).optional(),
  /** Readable lines for people, JSON for programs, or nothing. Default `text`. */
  HIVE_LOG: z.enum(["text", "json", "off"]).default("text"),
  /** What the worker says on standard error. Default `info`. */
  HIVE_LOG_LEVEL: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
  /** Where programs are looked up for jobs. */
  PATH: z.string().default("/usr/local/bin:/usr/bin:/bin"),
  /** Read by Node itself; agents get the same. */
  NODE_EXTRA_CA_CERTS: z.string().optional(),
});

/** Every variable the worker reads. */
export const WORKER_VARIABLES: readonly string[] = Object.keys(variables.shape);

/** The server's name behind a socket, where an address needs one. */
const SOCKET_URL = "http://hive";

const SECRETS = ["CALLBACK_SECRET", "HIVE_LAUNCH_TOKEN"] as const;

/**
 * Reads and checks the settings, and takes the secrets out of `env`.
 * @throws ConfigError naming every problem.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  const given: Record<string, string> = {};
  for (const name of WORKER_VARIABLES) {
    const value = env[name];
    // An empty variable means "not set", as compose files write it.
    if (value !== undefined && value !== "") given[name] = value;
  }
  for (const name of SECRETS) delete env[name];
  const parsed = variables.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  const credential = credentialOf(given, parsed.data?.CALLBACK_SECRET_FILE);
  if (credential === null) {
    problems.push(
      "CALLBACK_SECRET: set it to the dispatcher's value (source hive-data/secrets.env), or CALLBACK_SECRET_FILE or HIVE_LAUNCH_TOKEN",
    );
  }
  if (given["HIVE_URL"] === undefined && given["HIVE_SOCKET"] === undefined) {
    problems.push("HIVE_URL: set it to the dispatcher's address, such as http://localhost:8099");
  }
  if (!parsed.success || credential === null || problems.length > 0) throw new ConfigError(problems);
  const value = parsed.data;
  const dataFolder = resolve(value.HIVE_WORKER_DATA);
  return {
    dispatcherUrls: value.HIVE_URL ?? [SOCKET_URL],
    sockets: (value.HIVE_SOCKET ?? []).map((path) => resolve(path)),
    credential,
    name: value.HIVE_WORKER_NAME ?? defaultName(value.HIVE_WORKER_SLOT),
    roles: value.HIVE_ROLES,
    labels: value.HIVE_LABELS,
    provider: value.HIVE_PROVIDER,
    dataFolder,
    mirrorFolder: resolve(value.HIVE_MIRRORS ?? `${dataFolder}/mirrors`),
    handOutFolder: value.HIVE_MIRROR_HANDOUTS === undefined ? null : resolve(value.HIVE_MIRROR_HANDOUTS),
    slot: value.HIVE_WORKER_SLOT,
    uidBase: value.HIVE_AGENT_UID_BASE,
    llmUrl: value.HIVE_LLM_URL?.replace(/\/+$/, "") ?? null,
    agentCommand: value.HIVE_AGENT_COMMAND ?? null,
    model: value.HIVE_CLAUDE_MODEL ?? null,
    allowFileRepos: value.HIVE_ALLOW_FILE_REPOS,
    allowUnisolated: value.HIVE_ALLOW_UNISOLATED,
    contained: value.HIVE_PROVIDER === "docker" || value.HIVE_PROVIDER === "fly",
    drainMs: value.HIVE_DRAIN_SECONDS,
    orphanMs: value.HIVE_ORPHAN_SECONDS,
    idleTimeoutMs: value.HIVE_IDLE_SECONDS,
    oneShot: value.HIVE_ONE_SHOT,
    contactFile: value.HIVE_CONTACT_FILE === undefined ? null : resolve(value.HIVE_CONTACT_FILE),
    agentProcesses: value.HIVE_AGENT_PROCESSES,
    image: value.HIVE_IMAGE === undefined ? null : { name: value.HIVE_IMAGE, digest: value.HIVE_IMAGE_DIGEST ?? null },
    log: value.HIVE_LOG,
    logLevel: value.HIVE_LOG_LEVEL,
    path: value.PATH,
    extraCaFile: value.NODE_EXTRA_CA_CERTS ?? null,
  };
}

function credentialOf(
  given: Readonly<Record<string, string>>,
  files: readonly string[] | undefined,
): ConfiguredCredential | null {
  // A fleet's token wins: such a worker must never need the secret.
  if (given["HIVE_LAUNCH_TOKEN"] !== undefined) return { kind: "launch", token: given["HIVE_LAUNCH_TOKEN"] };
  if (given["CALLBACK_SECRET"] !== undefined) return { kind: "secret", secret: given["CALLBACK_SECRET"] };
  if (given["CALLBACK_SECRET_FILE"] !== undefined)
    return { kind: "file", files: (files ?? []).map((path) => resolve(path)) };
  return null;
}

function defaultName(slot: number): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");
  return `${(host || "worker").slice(0, 56)}-${slot + 1}`;
}
