/** The queue's rules and the server's intervals as the simulation sets them: the real relations, in shorter times. */

import { DEFAULT_RULES, type FloodPolicy, type Rules } from "@hive/core";

/** How many jobs of each concurrency key may run at once. */
export const KEY_LIMITS: Readonly<Record<string, number>> = { "key-one": 1, "key-two": 2 };

export const RULES: Rules = {
  ...DEFAULT_RULES,
  leaseMs: 6_000,
  firstBeatMs: 2_000,
  maxWaiting: 500,
  retryBaseMs: 500,
  retryMaxMs: 4_000,
  progressMs: 1_000,
  limitOf: (key) => KEY_LIMITS[key] ?? null,
  timeoutGraceMs: 3_000,
};

/** How long jobs are kept after their end, and their logs: where anything is swept away at all. */
export const KEEP_MS = 4_000;
export const KEEP_LOGS_MS = 2_000;

/** Between two slots of a schedule. */
export const STEP_MS = 1_000;

/** What limits the groups of every source. */
export const FLOOD: FloodPolicy = {
  count: 2,
  withinMs: 10_000,
  forMs: 300,
  maxOpen: 2,
  perHour: 6,
  cooldownMs: 1_500,
  reopenWithinMs: 8_000,
  bypass: "critical",
  flap: { changes: 6, withinMs: 6_000, muteMs: 1_500 },
  resolve: { waiting: "cancel", running: "note" },
  maxGroups: 1_000,
};

/** The term of a queen among several dispatchers. */
export const TERM_MS = 1_000;

export const INTERVALS = { claimWaitMs: 5_000, heartbeatMs: 2_000, leaseMs: RULES.leaseMs, logFlushMs: 100 };
export const LIMITS = { logChunkBytes: 1_024, logBytes: 1_000_000, artifactBytes: 1_000_000 };
