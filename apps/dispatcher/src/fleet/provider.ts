/**
 * Where workers run. The fleet decides how many there are; a provider only starts, finds and stops them.
 *
 * Order of calls: `list` before the first `start` (workers of an earlier life of this server may still be there), then
 * `start` and `stop` in any order and at once for different launches; `close` last. Each launch has one id for ever:
 * `start` with an id that is already running is that worker, never a second one, so an unclear answer is asked again
 * safely. `stop` of a launch that is gone or was never there succeeds. `list` rejects when it cannot know; "none" is
 * never a guess. `onExit` tells every end of a launch once, also of launches found by `list` and of those we stopped.
 */

/** One worker to start. */
export interface Launch {
  /** Unique for ever: `[A-Za-z0-9-]`, at most 64. */
  readonly launchId: string;
  /** Shown to people, such as `hive-worker-1`. */
  readonly name: string;
  /** The worker's number on its machine, from 0. No two running launches share one. */
  readonly slot: number;
  /** The whole environment of the worker. Never stored by the provider: it holds the launch token. */
  readonly env: Readonly<Record<string, string>>;
}

/** A worker that runs. */
export type Running = Pick<Launch, "launchId" | "name" | "slot">;

/** How a launch ended. */
export interface Exit extends Running {
  /** Null when a signal ended it, or when it was not our child. */
  readonly code: number | null;
  readonly signal: string | null;
  /** True when it ended because `stop` was called. */
  readonly stopped: boolean;
}

export interface Provider {
  /** `process`, `docker`, `fly`. */
  readonly name: string;
  /** What keeps a job from the machine and from the worker's secrets, for people: `none`, `container`. */
  readonly isolation: string;
  /** @throws when the worker certainly does not run; the same launch may be tried again. */
  start(launch: Launch): Promise<void>;
  /** @throws when it cannot be known. */
  list(): Promise<readonly Running[]>;
  /** Asks it to leave, and kills it after `graceMs`. Resolves when it is gone. Safe to repeat and to call for a stranger. */
  stop(launchId: string, graceMs: number): Promise<void>;
  /** Tells the end of every launch; the returned function takes that back. */
  onExit(listener: (exit: Exit) => void): () => void;
  /** Lets go of everything of ours; workers that still run are left alone. */
  close(): void;
}
