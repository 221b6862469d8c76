/**
 * The numbers of the queue's rules. The server passes its own; tests pass small ones. All are milliseconds unless said.
 */
export interface Rules {
  /** How long a lease lasts without a heartbeat. Default 30 s. */
  readonly leaseMs: number;
  /** A lease without a first heartbeat in this time goes back uncounted. Default 10 s. */
  readonly firstBeatMs: number;
  /** Waiting (held, blocked, scheduled, queued) jobs accepted; beyond it `queue_full`. Default 1,000,000. */
  readonly maxWaiting: number;
  /** Workers lost before a job is called poison. Default 3. */
  readonly maxLosses: number;
  /** First back-off after a counted failure, doubled each time with full jitter on the upper half. Default 5 s. */
  readonly retryBaseMs: number;
  /** The longest back-off. Default 10 min. */
  readonly retryMaxMs: number;
  /** Progress of one job is told at every change of phase and else at most this often. Default 5 s. */
  readonly progressMs: number;
  /** How many jobs of one key may run at once; null: no limit. */
  readonly limitOf: (key: string) => number | null;
  /** Added to a job's `timeoutMs` before the dispatcher itself ends the attempt (the worker does it first). Default 60 s. */
  readonly timeoutGraceMs: number;
}

/** The rules of a server that was told nothing else. */
export const DEFAULT_RULES: Rules = {
  leaseMs: 30_000,
  firstBeatMs: 10_000,
  maxWaiting: 1_000_000,
  maxLosses: 3,
  retryBaseMs: 5_000,
  retryMaxMs: 600_000,
  progressMs: 5_000,
  limitOf: () => 1,
  timeoutGraceMs: 60_000,
};
