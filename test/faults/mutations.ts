/**
 * The fault suite must bite: each mutation is one careless change to the source, and the named scenario, green before,
 * must turn red by it. `bite.ts` makes them.
 */
import type { Edit } from "../mutated-copy.ts";
import type { StoreKind } from "./scenario.ts";

/** One careless change. */
export interface Mutation {
  readonly name: string;
  /** The scenario that sees it, in its quick size. */
  readonly seenBy: { readonly scenario: string; readonly store: StoreKind };
  readonly edits: readonly Edit[];
  /** What the verdict must name. */
  readonly verdict: RegExp;
}

const APPLIER = "apps/dispatcher/src/queue/applier.ts";
const REDIS_SCRIPTS = "apps/dispatcher/src/store/redis/scripts.ts";
const SQLITE_WRITER = "apps/dispatcher/src/store/sqlite/writer-thread.ts";

/** Everybody is told before the batch is durable. */
const REPLY_BEFORE_COMMIT: readonly Edit[] = [
  {
    file: APPLIER,
    find: "this.#options.flusher.whenDurable({ settle: () => item.resolve(reply), fail: item.reject }, later);",
    replace:
      "item.resolve(reply);\n      this.#options.flusher.whenDurable({ settle: () => {}, fail: () => {} }, later);",
  },
];

/** Whoever loads the leases holds them to be over at once. */
const NO_FULL_TERM: readonly Edit[] = [
  {
    file: "packages/core/src/state.ts",
    find: "this.leases.extend(lease, now.mono + this.rules.leaseMs, timeoutAt);",
    replace: "this.leases.extend(lease, now.mono, timeoutAt);",
  },
];

/** All that are kept; the order is that of `--mutations`. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "SQLite syncs at checkpoints only (NORMAL in place of FULL)",
    seenBy: { scenario: "F8", store: "sqlite" },
    edits: [
      { file: SQLITE_WRITER, find: "PRAGMA synchronous = FULL;", replace: "PRAGMA synchronous = NORMAL;" },
      { file: SQLITE_WRITER, find: "synchronous !== 2", replace: "synchronous !== 1" },
    ],
    verdict: /BROKEN I1: \d+ acknowledged jobs are gone/,
  },
  {
    name: "Redis syncs once a second (everysec in place of always) and nobody looks at its settings",
    seenBy: { scenario: "F7", store: "redis" },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/durability.ts",
        find: "  if (warnings.length === 0) return;",
        replace: "  if (warnings.length < 99) return;",
      },
      {
        file: "test/faults/power-loss.ts",
        find: 'appendfsync: weak ? "everysec" : "always"',
        replace: 'appendfsync: "everysec"',
      },
    ],
    verdict: /BROKEN I1: \d+ acknowledged jobs are gone/,
  },
  {
    name: "a Redis that evicts is taken",
    seenBy: { scenario: "F11", store: "redis" },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/durability.ts",
        find: "  if (warnings.length === 0) return;",
        replace: "  if (warnings.length < 99) return;",
      },
    ],
    verdict: /BROKEN a Redis with allkeys-lru was taken/,
  },
  {
    name: "reply before commit, on SQLite",
    seenBy: { scenario: "F10", store: "sqlite" },
    edits: REPLY_BEFORE_COMMIT,
    verdict: /BROKEN I1: full-\d+ was accepted/,
  },
  {
    name: "reply before commit, on Redis",
    seenBy: { scenario: "F11", store: "redis" },
    edits: REPLY_BEFORE_COMMIT,
    verdict: /BROKEN I1: memory-\d+ was accepted/,
  },
  {
    name: "no full term after a start",
    seenBy: { scenario: "F8", store: "sqlite" },
    edits: NO_FULL_TERM,
    verdict: /BROKEN \d+ leases were taken from workers that live/,
  },
  {
    name: "no full term after a takeover",
    seenBy: { scenario: "F4", store: "redis" },
    edits: NO_FULL_TERM,
    verdict: /BROKEN \d+ leases of workers that were well were taken away/,
  },
  {
    name: "no full term after a hand-over",
    seenBy: { scenario: "F20", store: "redis" },
    edits: NO_FULL_TERM,
    verdict: /BROKEN job-\d+ was begun \d times/,
  },
  {
    name: "no full term after a pause",
    seenBy: { scenario: "F4", store: "sqlite" },
    edits: [
      {
        file: "apps/dispatcher/src/queue/committer.ts",
        find: "this.#applier.state.extendAll({ mono: this.#options.clock.mono() });",
        replace: "void 0;",
      },
    ],
    verdict: /BROKEN \d+ leases of workers that were well were taken away/,
  },
  {
    name: "a worker measures its lease by the wall clock",
    seenBy: { scenario: "F15", store: "sqlite" },
    edits: [
      {
        file: "apps/worker/src/loops/clock.ts",
        find: "mono: () => performance.now(),",
        replace: "mono: () => Date.now(),",
      },
    ],
    verdict: /BROKEN clock-\d+ is/,
  },
  {
    name: "documents in Redis are read without looking at their checksum",
    seenBy: { scenario: "F9", store: "redis" },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/documents.ts",
        find: "if (documentChecksum(collection, id, equals, json).toString(36) !== crc) throw corrupt(collection, id);",
        replace: 'if (crc === "") throw corrupt(collection, id);',
      },
    ],
    verdict: /BROKEN .*never were there together/,
  },
  {
    name: "logs are taken under an old fence",
    seenBy: { scenario: "F3", store: "sqlite" },
    edits: [
      {
        file: "apps/dispatcher/src/http/routes/attempt-files.ts",
        find: "if (begunAt === undefined) throw leaseLost(jobId, fence);",
        replace: "",
      },
    ],
    verdict: /BROKEN I5/,
  },
  {
    name: "what a deposed queen commits is taken",
    seenBy: { scenario: "F4B", store: "redis" },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/keys.ts",
        find: "if record[1] ~= epoch or record[2] ~= electionId then",
        replace: "if false then",
      },
    ],
    verdict: /BROKEN I2: job-\d+ and job-\d+ have one number/,
  },
  {
    name: "the index entries that a restarted Redis loaded are not looked at",
    seenBy: { scenario: "F9", store: "redis" },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/redis-store.ts",
        find: "await checkWhole({ connection, keys, election, shapes, collections });",
        replace: "",
      },
      // Nobody calls it any more.
      {
        file: "apps/dispatcher/src/store/redis/redis-store.ts",
        find: 'import { checkWhole } from "./check-whole.ts";',
        replace: "",
      },
    ],
    verdict: /BROKEN redis: flip/,
  },
  {
    name: "a commit is taken whatever its sequence",
    seenBy: { scenario: "F4B", store: "redis" },
    edits: [{ file: REDIS_SCRIPTS, find: "tonumber(ARGV[4]) ~= sequence + 1", replace: "false" }],
    verdict: /BROKEN I3: job-\d+ generation 1 ended in event \d+ and again/,
  },
  {
    name: "whose worker was lost once is called poison",
    seenBy: { scenario: "F2", store: "sqlite" },
    edits: [{ file: "packages/core/src/ending.ts", find: "run.losses >= rules.maxLosses", replace: "run.losses >= 1" }],
    verdict: /BROKEN I9: job-\d+ ended with the reason poison/,
  },
  {
    name: "an Idempotency-Key that came before is not looked at",
    seenBy: { scenario: "F18", store: "sqlite" },
    edits: [
      {
        file: "packages/core/src/commands/enqueue.ts",
        find: "if (answered !== null) return answered;",
        replace: "",
      },
    ],
    verdict: /BROKEN I2: request \d+ was told of the jobs/,
  },
  {
    name: "a piece of a log that comes again is kept twice",
    seenBy: { scenario: "F19", store: "sqlite" },
    edits: [
      {
        file: "apps/dispatcher/src/logs/overlap.ts",
        find: "repeated: Math.min(length, committed - offset)",
        replace: "repeated: 0 * length",
      },
    ],
    verdict: /BROKEN I11/,
  },
];
