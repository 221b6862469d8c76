/**
 * The one way Hive runs git. Git is spawned with an argument list, an environment made from nothing and settings that
 * switch off what a repository could use to run code (hooks, monitors, helpers, other transports), because every
 * repository is somebody else's. Wrappers around git have a history of injected options; this file is the whole
 * wrapper. Failures are values with a code.
 */
import type { RepoAddress } from "@hive/core";
import { type AgentUser, type ProcessLimits, run } from "../process/run.ts";
import { type GitCredential, lendCredential, type Loan } from "./credential.ts";
import { classify, type GitFailed } from "./failure.ts";

/** What git needs to know of this machine. */
export interface GitMachine {
  /** A folder only the supervisor can enter, on a local file system. */
  readonly privateFolder: string;
  /** PATH for git and its helpers; never one a job can set. */
  readonly path: string;
  /** File of certificate authorities, if not the system's. */
  readonly caFile?: string;
}

/** One git command. */
export interface GitCall {
  readonly cwd: string;
  /** Where it may connect to. Default: nowhere. */
  readonly protocols?: readonly ("https" | "http" | "file")[];
  /** The repository it talks to: for messages and as the only place the credential is good for. */
  readonly address?: RepoAddress;
  readonly credential?: GitCredential | null;
  /** Proxy for http and https, its token included. Never with `user`: the agent must not see the supervisor's token. */
  readonly proxy?: string | null;
  /** Run as the agent: for everything inside a working copy the agent could write. */
  readonly user?: AgentUser;
  readonly stdin?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Milliseconds. Default: 10 minutes. */
  readonly timeoutMs?: number;
  /** Bytes of stdout and stderr. Default: 64 MiB. */
  readonly maxOutputBytes?: number;
  readonly limits?: ProcessLimits;
  /** Settings on top of the safe ones. */
  readonly config?: readonly (readonly [string, string])[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes stdout as it comes instead of collecting it. */
  readonly onStdout?: (chunk: Uint8Array) => void | Promise<void>;
}

/** A git command that ended with exit code 0. */
export interface GitDone {
  readonly ok: true;
  /** Empty if `onStdout` took it. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Git on this machine. */
export interface Git {
  readonly machine: GitMachine;
  /** Runs `git <args>`. User values belong behind `--`. */
  run(args: readonly string[], call: GitCall): Promise<GitDone | GitFailed>;
  /** Runs a small sh script (`$1`… are `args`) in which every git command has the same settings. */
  script(text: string, args: readonly string[], call: GitCall): Promise<GitDone | GitFailed>;
}

const DEFAULT_TIMEOUT_MS = 600_000;
const DEFAULT_OUTPUT_BYTES = 64 * 1024 * 1024;
const STDERR_BYTES = 64 * 1024;

const SAFE_CONFIG: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.askPass", ""],
  ["core.sshCommand", "false"],
  ["core.pager", "cat"],
  ["core.editor", "true"],
  ["core.excludesFile", "/dev/null"],
  ["core.attributesFile", "/dev/null"],
  ["core.quotePath", "true"],
  // Larger files are streamed and never diffed: a small commit may unpack to gigabytes.
  ["core.bigFileThreshold", "16m"],
  ["credential.helper", ""],
  ["protocol.allow", "never"],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["push.recurseSubmodules", "no"],
  ["push.followTags", "false"],
  ["commit.gpgSign", "false"],
  ["tag.gpgSign", "false"],
  ["push.gpgSign", "false"],
  ["init.templateDir", ""],
  ["init.defaultBranch", "main"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["protocol.version", "2"],
  ["http.lowSpeedLimit", "1"],
  ["http.lowSpeedTime", "90"],
];

/**
 * Runs a command in the bare repository `folder`, by its name: git then neither looks for one nor refuses it because it
 * is another user's (a hand-out of the mirror keeper is). Only for repositories Hive itself wrote.
 */
export function byName(folder: string): Pick<GitCall, "cwd" | "env"> {
  return { cwd: folder, env: { GIT_DIR: folder } };
}

/** Git with Hive's settings on this machine. */
export function createGit(machine: GitMachine): Git {
  return {
    machine,
    run: (args, call) => runGit(machine, ["git", ...args], call),
    script: (text, args, call) => runGit(machine, ["sh", "-c", text, "hive-git", ...args], call),
  };
}

/** The environment of every git command of Hive, and of nothing else. */
export function gitEnvironment(machine: GitMachine, call: GitCall, loan: Loan | null): Record<string, string> {
  const config = [...SAFE_CONFIG, ...(call.config ?? []), ...(loan?.config ?? [])];
  const env: Record<string, string> = {
    PATH: machine.path,
    HOME: call.user?.home ?? machine.privateFolder,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GIT_ALLOW_PROTOCOL: (call.protocols ?? ["none"]).join(":"),
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_CONFIG_COUNT: String(config.length),
  };
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  if (machine.caFile !== undefined) env.GIT_SSL_CAINFO = machine.caFile;
  // In the environment alone, which only the supervisor's user can read: an argument is everybody's.
  if (call.proxy != null && call.user === undefined) {
    env.https_proxy = call.proxy;
    env.http_proxy = call.proxy;
    // git would first ask without the token.
    env.GIT_HTTP_PROXY_AUTHMETHOD = "basic";
  }
  return { ...env, ...call.env, ...loan?.env };
}

async function runGit(
  machine: GitMachine,
  argv: readonly [string, ...string[]],
  call: GitCall,
): Promise<GitDone | GitFailed> {
  const { address, credential } = call;
  const lends = credential != null && address !== undefined && address.kind !== "file";
  const loan = lends ? await lendCredential(credential, address, machine.privateFolder, machine.path) : null;
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  let stderrBytes = 0;
  try {
    const ended = await run({
      argv,
      cwd: call.cwd,
      env: gitEnvironment(machine, call, loan),
      timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxOutputBytes: call.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES,
      ...(call.user === undefined ? {} : { user: call.user }),
      ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      ...(call.limits === undefined ? {} : { limits: call.limits }),
      onOutput: (chunk, stream) => {
        if (stream === "stdout") {
          if (call.onStdout) return call.onStdout(chunk);
          stdout.push(chunk);
        } else if (stderrBytes < STDERR_BYTES) {
          stderr.push(chunk);
          stderrBytes += chunk.byteLength;
        }
      },
    });
    // A remote may print what it was sent; the password goes no further than here.
    const text = hide(Buffer.concat(stderr).toString("utf8"), [credential?.password, passwordOf(call.proxy)]);
    if (ended.reason === "exited" && ended.exitCode === 0) {
      return { ok: true, stdout: Buffer.concat(stdout).toString("utf8"), stderr: text };
    }
    const failed = { ok: false, stderr: text, exitCode: ended.exitCode } as const;
    if (ended.reason === "aborted") return { ...failed, code: "aborted", message: "stopped" };
    if (ended.reason === "timeout") {
      return {
        ...failed,
        code: "git_timeout",
        message: `git took longer than ${call.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`,
      };
    }
    if (ended.reason === "output_limit") {
      return { ...failed, code: "work_too_large", message: "git had more to say than allowed" };
    }
    if (ended.startError !== undefined) {
      return { ...failed, code: "git_failed", message: `git could not be started: ${ended.startError}` };
    }
    const context = { hadCredential: credential != null, ...(address === undefined ? {} : { url: address.url }) };
    return { ...failed, ...classify(text, context) };
  } finally {
    await loan?.end();
  }
}

function hide(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>((shown, secret) => (secret ? shown.replaceAll(secret, "***") : shown), text);
}

function passwordOf(proxy: string | null | undefined): string | undefined {
  return proxy == null ? undefined : new URL(proxy).password;
}
