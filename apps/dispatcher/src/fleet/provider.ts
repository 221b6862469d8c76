/**
 * Where workers run. The fleet decides how many there are of each pool; a provider only starts, finds and stops them.
 *
 * Order of calls: `list` before the first `start` (workers of an earlier life of this server may still be there), then
 * `prepare`, `start` and `stop` in any order and at once for different launches; `close` last. Each launch has one id for
 * ever: `start` with an id that is already running is that worker, never a second one, so an unclear answer is asked
 * again safely. `stop` of a launch that is gone or was never there succeeds. `list` rejects when it cannot know; "none"
 * is never a guess. `onExit` tells every end of a launch once, also of launches found by `list` and of those we stopped;
 * by then nothing of the worker is left and its name is free. Nothing is told after `close`.
 */

/** What one worker of a pool may use, and from what it is made. */
export interface PoolNeeds {
  /** The pool's name: `[a-z0-9][a-z0-9-]*`, at most 32. */
  readonly name: string;
  /** The image of its containers; null: the provider's own (`HIVE_WORKER_IMAGE`). Meaningless to a provider without images. */
  readonly image: string | null;
  /** Processors, such as 1.5; null: no limit. */
  readonly cpus: number | null;
  /** Memory and swap together; null: no limit. */
  readonly memoryBytes: number | null;
  /** What the workspace may hold; null: the provider's default. */
  readonly diskBytes: number | null;
  /** Processes and threads together, the worker's own included; null: the provider's default. */
  readonly pids: number | null;
}

/** One worker to start. */
export interface Launch {
  /** Unique for ever: `[A-Za-z0-9-]`, at most 64. */
  readonly launchId: string;
  /** Shown to people, such as `hive-worker-1`. No two running launches share one. */
  readonly name: string;
  /** The worker's number on its machine, from 0, over all pools. No two running launches share one. */
  readonly slot: number;
  readonly pool: PoolNeeds;
  /** The whole environment of the worker. Never stored by the provider beyond the worker itself: it holds the launch token. */
  readonly env: Readonly<Record<string, string>>;
}

/** A worker that runs. */
export interface Running {
  readonly launchId: string;
  readonly name: string;
  readonly slot: number;
  /** Its pool's name, which the settings may know no more. */
  readonly pool: string;
}

/** How a launch ended. */
export interface Exit extends Running {
  /** Null when a signal ended it, or when nobody can say any more. */
  readonly code: number | null;
  readonly signal: string | null;
  /** True when it ended because `stop` was called. */
  readonly stopped: boolean;
  /** True when it was killed for reaching its own memory limit. */
  readonly outOfMemory: boolean;
  /**
   * True when the engine, the machine or somebody else ended it, or when nobody knows how it ended: its job is not to
   * blame. False when it ended by itself, when `stopped`, and when it reached its own limits.
   */
  readonly outside: boolean;
  /** The last it said, for a boot that failed; at most 1,000 characters, null when there is nothing. */
  readonly lastWords: string | null;
}

/** Can launches of a pool be started now? */
export type Readiness =
  | {
      readonly ready: true;
      /** What its workers are made of, as far as the provider knows: for people and for results. */
      readonly image: { readonly name: string; readonly digest: string } | null;
    }
  /** `building`: it is being made, ask again later. `missing`: a person must act. `unreachable`: see `status`. */
  | { readonly ready: false; readonly why: "building" | "missing" | "unreachable"; readonly message: string };

export type ProviderStatus =
  | { readonly state: "ok" }
  | { readonly state: "unreachable"; readonly reason: string; readonly since: number };

/** Why a start failed, where that decides what to do. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  /**
   * `unclear`: nobody could be asked, or the answer was lost; the worker may run. The same launch is asked for again.
   * `missing`: what it is made of is not there. `taken`: somebody else has its name. `failed`: the worker certainly does
   * not run.
   */
  readonly kind: "unclear" | "missing" | "taken" | "failed";

  constructor(kind: ProviderError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface Provider {
  /** `process`, `docker`, `fly`. */
  readonly name: string;
  /** What keeps a job from the machine and from the worker's secrets, for people: `none`, `container`. */
  readonly isolation: string;
  /** True when each worker takes one job and leaves with code 0; false when it stays until it is told to leave. */
  readonly oneShot: boolean;
  /** True when its workers go on with the server started next; false when they finish what they have and leave. */
  readonly outlivesServer: boolean;
  /** Can workers be started and counted at all? Known without asking anybody. */
  status(): ProviderStatus;
  /** Looks whether a pool's launches can start, and begins to make what can be made. Returns soon; never rejects. */
  prepare(pool: PoolNeeds): Promise<Readiness>;
  /** `status` or the readiness of a pool may have changed; the returned function takes that back. */
  onChange(listener: () => void): () => void;
  /** @throws ProviderError; anything else counts as `failed`. After all but `unclear` nothing of the launch is left. */
  start(launch: Launch): Promise<void>;
  /**
   * Every worker of this server that runs. One that ended while nobody looked is told to `onExit` instead.
   * @throws when it cannot be known.
   */
  list(): Promise<readonly Running[]>;
  /** Asks it to leave, and kills it after `graceMs`. Resolves when it is gone. Safe to repeat and to call for a stranger. @throws when nobody can be asked */
  stop(launchId: string, graceMs: number): Promise<void>;
  /** Tells the end of every launch; the returned function takes that back. */
  onExit(listener: (exit: Exit) => void): () => void;
  /** Lets go of everything of ours; workers that still run are left alone. */
  close(): void;
}
