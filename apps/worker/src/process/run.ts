/**
 * Runs one program and does not come back before its whole process tree is gone. Every program a job needs (agent,
 * script, git) goes through here, so that limits, output and the killing of trees are right in one place. An exit code,
 * a program that cannot be started, a time-out or a cancel are values, never exceptions.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { pipeline, Readable } from "node:stream";
import {
  type AgentUser,
  type Containment,
  containmentFor,
  findTools,
  mustSwitch,
  type ProcessLimits,
  wrapCommand,
} from "./containment.ts";
import { findTree, killTree, killUser, onlyChild, readOutputLink, RUN_MARK, signalProcess } from "./kill-tree.ts";

export type { AgentUser, Containment, ProcessLimits } from "./containment.ts";
export { killUser } from "./kill-tree.ts";

/** What to run and within which limits. */
export interface RunOptions {
  /** Program and arguments, handed over as they are: no shell reads them. */
  readonly argv: readonly [string, ...string[]];
  /** Working directory; it must exist. */
  readonly cwd: string;
  /** The whole environment of the program: nothing is inherited from the supervisor. */
  readonly env: Readonly<Record<string, string>>;
  /** Run as this user (needs root). Default: the supervisor's own. */
  readonly user?: AgentUser;
  /** Bytes for standard input, then its end; a stream that fails ends it too. Default: /dev/null. */
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Sees every chunk in order per stream. Returning a promise stops the program's output until it settles. */
  readonly onOutput?: (chunk: Uint8Array, stream: "stdout" | "stderr") => void | Promise<void>;
  /** Ends the run: SIGTERM, grace, SIGKILL. */
  readonly signal?: AbortSignal;
  /** Milliseconds of wall clock from the start. Default: none. */
  readonly timeoutMs?: number;
  /** Milliseconds without a byte of output. Default: none. */
  readonly idleTimeoutMs?: number;
  /** Bytes of stdout and stderr together; beyond them a marker line is handed on and the tree killed. Default: none. */
  readonly maxOutputBytes?: number;
  /** Milliseconds between SIGTERM and SIGKILL. Default: 500. */
  readonly killGraceMs?: number;
  /** Limits for every process of the run. Default: none. */
  readonly limits?: ProcessLimits;
  /** Force a weaker containment than this machine allows (tests, diagnosis). Default: the strongest. */
  readonly containment?: Containment;
}

/** How a run ended. When it is there, no process of the run lives any more (`survivors` says if one could not be killed). */
export interface RunResult {
  /** As a shell shows it: 128 + n for a death by signal n, 127 where the program was not found. Null: never started. */
  readonly exitCode: number | null;
  /** Name of the signal behind an exit code above 128, if that number names one. */
  readonly signal: string | null;
  /** What ended it: itself, or which of our limits. */
  readonly reason: "exited" | "aborted" | "timeout" | "idle" | "output_limit";
  /** Bytes of output produced, including those that were cut off. */
  readonly outputBytes: number;
  /** Processes that could not be killed. Always 0 unless one hangs in the kernel. */
  readonly survivors: number;
  /** Why the program could not be started, if so. */
  readonly startError?: string;
}

const DEFAULT_GRACE_MS = 500;
// How long output may stay open after everything we can see is dead (a descriptor may have been passed to a stranger).
const PIPE_GRACE_MS = 2_000;
// How long a tree may take to die of SIGKILL before it is reported as surviving.
const DEATH_GRACE_MS = 10_000;
// In `user` containment the end of a run kills the user; another run of the same user must not fall with it.
const runsOfUser = new Map<number, number>();

/** Runs a program to its end; see {@link RunOptions}. Rejects only if `onOutput` throws (the tree is killed first). */
export async function run(options: RunOptions): Promise<RunResult> {
  const { user } = options;
  if (mustSwitch(user) && process.getuid?.() !== 0) {
    return notStarted(`only root may run a program as user ${user.uid}`, 126);
  }
  if (!(await isFolder(options.cwd))) return notStarted(`working directory ${options.cwd} does not exist`, 127);
  const tools = await findTools();
  const containment = options.containment ?? (await containmentFor(user));
  const namespaced = containment === "pid_namespace";
  const mark = randomUUID();
  const command = wrapCommand(tools, containment, options.argv, user, options.limits ?? {}, options.cwd);
  const [program, ...args] = command.argv;
  if (options.signal?.aborted) {
    return { exitCode: null, signal: null, reason: "aborted", outputBytes: 0, survivors: 0 };
  }
  if (mustSwitch(user)) runsOfUser.set(user.uid, (runsOfUser.get(user.uid) ?? 0) + 1);
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      cwd: mustSwitch(user) && tools.sh !== undefined ? "/" : options.cwd,
      env: namespaced ? { ...options.env } : { ...options.env, [RUN_MARK]: mark },
      // In a namespace the program's stderr is descriptor 3: see containment.ts.
      stdio: [
        options.stdin === undefined ? "ignore" : "pipe",
        "pipe",
        ...(namespaced ? (["ignore", "pipe"] as const) : (["pipe"] as const)),
      ],
      detached: true,
      ...(command.switchBy === "spawn" && user ? { uid: user.uid, gid: user.gid } : {}),
    });
  } catch (error) {
    leaveUser(user);
    return notStarted(error instanceof Error ? error.message : String(error), 126);
  }
  return new Run(child, options, containment, mark).finish();
}

class Run {
  readonly #child: ChildProcess;
  readonly #options: RunOptions;
  readonly #containment: Containment;
  readonly #mark: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #stdout: Readable | undefined;
  readonly #stderr: Readable | undefined;
  readonly #output: string | undefined;
  #killed = false;
  #undying = false;
  #over = false;
  #giveUp: () => void = () => {};
  #reason: RunResult["reason"] = "exited";
  #outputBytes = 0;
  #handedOn = 0;
  #waitingForConsumer = 0;
  #consumerFailed: { error: unknown } | undefined;

  constructor(child: ChildProcess, options: RunOptions, containment: Containment, mark: string) {
    this.#child = child;
    this.#options = options;
    this.#containment = containment;
    this.#mark = mark;
    this.#output = containment !== "pid_namespace" && child.pid !== undefined ? readOutputLink(child.pid) : undefined;
    this.#stdout = child.stdout ?? undefined;
    const stderr = child.stdio[containment === "pid_namespace" ? 3 : 2];
    this.#stderr = stderr instanceof Readable ? stderr : undefined;
  }

  async finish(): Promise<RunResult> {
    const { signal, timeoutMs, idleTimeoutMs } = this.#options;
    const onAbort = (): void => this.#stop("aborted");
    const ended = this.#ended();
    const idle = idleTimeoutMs === undefined ? undefined : this.#idleTimer(idleTimeoutMs);
    const streams = [this.#read(this.#stdout, "stdout", idle), this.#read(this.#stderr, "stderr", idle)];
    this.#feedStdin();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    if (timeoutMs !== undefined) this.#after(timeoutMs, () => this.#stop("timeout"));
    const end = await ended;
    this.#over = true;
    signal?.removeEventListener("abort", onAbort);
    for (const timer of this.#timers) clearTimeout(timer);
    const survivors = this.#undying ? 1 : end.startError === undefined ? await this.#sweep() : 0;
    leaveUser(this.#options.user);
    await this.#closeStreams(streams);
    if (this.#consumerFailed) throw this.#consumerFailed.error;
    return { ...end, reason: this.#reason, outputBytes: this.#outputBytes, survivors };
  }

  #ended(): Promise<{ exitCode: number | null; signal: string | null; startError?: string }> {
    return new Promise((resolve) => {
      this.#giveUp = () => {
        this.#undying = true;
        resolve(asShellCode(null, "SIGKILL"));
      };
      this.#child.once("error", (error) => {
        if (this.#child.pid !== undefined) return; // a signal that could not be sent; the exit still comes
        const code = "code" in error && error.code === "ENOENT" ? 127 : 126;
        resolve({ exitCode: code, signal: null, startError: error.message });
      });
      // unshare answers 1 when its child was killed; we know better, for we sent the signal.
      this.#child.once("exit", (code, signal) =>
        resolve(this.#killed ? asShellCode(null, "SIGKILL") : asShellCode(code, signal)),
      );
    });
  }

  #feedStdin(): void {
    const { stdin } = this.#child;
    if (!stdin) return;
    stdin.on("error", () => {}); // a program may end without reading its input
    const given = this.#options.stdin;
    if (given === undefined || typeof given === "string" || given instanceof Uint8Array) stdin.end(given);
    else pipeline(Readable.from(given, { objectMode: false }), stdin, () => {});
  }

  async #read(
    stream: Readable | undefined,
    name: "stdout" | "stderr",
    idle: NodeJS.Timeout | undefined,
  ): Promise<void> {
    if (!stream) return;
    try {
      for await (const chunk of stream) {
        idle?.refresh();
        if (!(chunk instanceof Uint8Array)) continue;
        await this.#handOn(chunk, name);
      }
    } catch {
      // The stream was destroyed after the process tree was gone: there is nothing more to read.
    }
  }

  async #handOn(chunk: Uint8Array, name: "stdout" | "stderr"): Promise<void> {
    const { maxOutputBytes, onOutput } = this.#options;
    this.#outputBytes += chunk.byteLength;
    let piece = chunk;
    let cut = false;
    if (maxOutputBytes !== undefined && this.#handedOn + chunk.byteLength > maxOutputBytes) {
      piece = chunk.subarray(0, maxOutputBytes - this.#handedOn);
      cut = this.#reason !== "output_limit";
    }
    this.#handedOn += piece.byteLength;
    if (cut) this.#stop("output_limit");
    if (!onOutput || this.#consumerFailed) return;
    this.#waitingForConsumer += 1;
    try {
      if (piece.byteLength > 0) await onOutput(piece, name);
      if (cut) await onOutput(Buffer.from(`\n[hive] output cut after ${maxOutputBytes} bytes\n`), name);
    } catch (error) {
      this.#consumerFailed ??= { error };
      this.#stop("aborted");
    } finally {
      this.#waitingForConsumer -= 1;
    }
  }

  #idleTimer(idleTimeoutMs: number): NodeJS.Timeout {
    const timer = this.#after(idleTimeoutMs, () => {
      // While our own consumer holds the output back the program cannot be called silent.
      if (this.#waitingForConsumer > 0) timer.refresh();
      else this.#stop("idle");
    });
    return timer;
  }

  #after(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(act, Math.min(ms, 2 ** 31 - 1));
    this.#timers.add(timer);
    return timer;
  }

  /** First call wins: SIGTERM now, SIGKILL after the grace. Returns at once; the exit is awaited elsewhere. */
  #stop(reason: RunResult["reason"]): void {
    const { pid } = this.#child;
    if (this.#reason !== "exited" || pid === undefined || this.#over) return;
    this.#reason = reason;
    this.#signalTree(pid, "SIGTERM");
    this.#after(this.#options.killGraceMs ?? DEFAULT_GRACE_MS, () => {
      this.#signalTree(pid, "SIGKILL");
      this.#after(DEATH_GRACE_MS, this.#giveUp);
    });
  }

  #signalTree(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
    if (signal === "SIGKILL") this.#killed = true;
    if (this.#containment === "pid_namespace") {
      // The first process of the namespace ends only after all others in it, so its outer parent is killed last:
      // the exit we wait for then proves that nothing lives.
      const init = onlyChild(pid);
      signalProcess(init ?? -pid, signal);
      return;
    }
    signalProcess(-pid, signal);
    for (const member of findTree({ root: pid, mark: this.#mark, output: this.#output })) signalProcess(member, signal);
  }

  #sweep(): Promise<number> {
    const { user } = this.#options;
    const root = this.#child.pid;
    if (this.#containment === "pid_namespace" || root === undefined) return Promise.resolve(0);
    signalProcess(-root, "SIGKILL");
    if (this.#containment === "user" && mustSwitch(user) && runsOfUser.get(user.uid) === 1) return killUser(user);
    return killTree({ root, mark: this.#mark, output: this.#output });
  }

  async #closeStreams(streams: Promise<void>[]): Promise<void> {
    // While the consumer still works on what is there, waiting is right; only a pipe that never ends is cut.
    const cut = (): void => {
      if (this.#waitingForConsumer > 0) timer.refresh();
      else for (const stream of [this.#stdout, this.#stderr]) stream?.destroy();
    };
    const timer = setTimeout(cut, PIPE_GRACE_MS);
    await Promise.all(streams);
    clearTimeout(timer);
    this.#child.stdin?.destroy();
  }
}

function leaveUser(user: AgentUser | undefined): void {
  if (!mustSwitch(user)) return;
  const left = (runsOfUser.get(user.uid) ?? 1) - 1;
  if (left > 0) runsOfUser.set(user.uid, left);
  else runsOfUser.delete(user.uid);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    // Another user's folder, which a supervisor may have no right to look into: its user will see.
    (error: unknown) => error instanceof Error && "code" in error && error.code === "EACCES",
  );
}

function notStarted(startError: string, exitCode: number): RunResult {
  return { exitCode, signal: null, reason: "exited", outputBytes: 0, survivors: 0, startError };
}

// Inside a namespace the exit code passes through a shell, which cannot tell exit(137) from SIGKILL. So that both
// containments answer alike, a signal is always written the shell's way.
function asShellCode(
  code: number | null,
  signal: NodeJS.Signals | null,
): { exitCode: number | null; signal: string | null } {
  if (signal !== null) return { exitCode: 128 + constants.signals[signal], signal };
  if (code === null || code <= 128) return { exitCode: code, signal: null };
  const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return { exitCode: code, signal: name ?? null };
}
