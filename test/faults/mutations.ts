/**
 * The fault suite must bite: each mutation is one careless change to the source, made in a copy, and the named scenario,
 * green before, must turn red by it. `npm run faults -- --mutations` runs them all, which takes a while;
 * `mutations.test.ts` runs a cheap one inside `npm test`.
 */
import { copyOf, type Edit, type MutatedCopy, type Ran } from "../mutated-copy.ts";
import type { StoreKind } from "./scenario.ts";

/** One careless change. */
export interface Mutation {
  readonly name: string;
  /** The scenario that sees it, in its quick size, or the test file that does where no fault from outside can show it. */
  readonly seenBy: { readonly scenario: string; readonly store: StoreKind } | { readonly tests: string };
  readonly edits: readonly Edit[];
  /** What the verdict must name. */
  readonly verdict: RegExp;
}

const APPLIER = "apps/dispatcher/src/queue/applier.ts";
const REDIS_SCRIPTS = "apps/dispatcher/src/store/redis/scripts.ts";
const REDIS_STORE_TESTS = "apps/dispatcher/src/store/redis/redis-store.test.ts";
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
    edits: [
      {
        file: "packages/core/src/state.ts",
        find: "this.leases.extend(lease, now.mono + this.rules.leaseMs, timeoutAt);",
        replace: "this.leases.extend(lease, now.mono, timeoutAt);",
      },
    ],
    verdict: /BROKEN \d+ leases were taken from workers that live/,
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
    seenBy: { tests: REDIS_STORE_TESTS },
    edits: [
      {
        file: "apps/dispatcher/src/store/redis/keys.ts",
        find: "if record[1] ~= epoch or record[2] ~= electionId then",
        replace: "if false then",
      },
    ],
    verdict: /FAIL .*(elect|open|fence|queen)/i,
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
    seenBy: { tests: REDIS_STORE_TESTS },
    edits: [{ file: REDIS_SCRIPTS, find: "tonumber(ARGV[4]) ~= sequence + 1", replace: "false" }],
    verdict: /FAIL .*sequence|FAIL .*fence/i,
  },
];

const PARTS = ["packages", "apps", "test", "package.json", "vitest.config.ts", "tsconfig.json"];
/** A mutation may also make a run hang: that is red too, but names nothing. In milliseconds. */
const RUN_MS = 400_000;

/** What became of one mutation. */
export interface Bitten {
  readonly name: string;
  /** Null: green before, red after, for the reason it should be. */
  readonly wrong: string | null;
}

/** The sources, tests included. */
export function copyForMutations(): Promise<MutatedCopy> {
  return copyOf(PARTS, { tests: true });
}

/** Runs what sees the mutation twice, without it and with it. `green`: what is known to be green in this copy already. */
export async function bite(copy: MutatedCopy, mutation: Mutation, green: Set<string>): Promise<Bitten> {
  const { name, seenBy, edits, verdict } = mutation;
  const what = JSON.stringify(seenBy);
  if (!green.has(what)) {
    const before = await run(copy, seenBy);
    if (before.code !== 0) return { name, wrong: `red without it:\n${lastOf(before.output)}` };
    green.add(what);
  }
  const after = await copy.with(name, edits, () => run(copy, seenBy));
  if (after.code === 0) return { name, wrong: `${what} stays green with it:\n${lastOf(after.output)}` };
  return { name, wrong: verdict.test(after.output) ? null : `red for another reason:\n${lastOf(after.output)}` };
}

/** Runs all of them, or those whose names hold `only`, and prints what became of each. True when all bit. */
export async function biteAll(only: string): Promise<boolean> {
  await using copy = await copyForMutations();
  const green = new Set<string>();
  let ok = true;
  for (const mutation of MUTATIONS.filter(({ name }) => name.includes(only))) {
    const begun = performance.now();
    const { name, wrong } = await bite(copy, mutation, green);
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`${wrong === null ? "bites" : "FAILED"}  ${name} (${JSON.stringify(mutation.seenBy)}, ${seconds} s)`);
    if (wrong !== null) console.log(wrong);
    ok &&= wrong === null;
  }
  return ok;
}

function run(copy: MutatedCopy, seenBy: Mutation["seenBy"]): Promise<Ran> {
  if ("tests" in seenBy) return copy.run("node_modules/vitest/vitest.mjs", ["run", seenBy.tests], RUN_MS);
  const { scenario, store } = seenBy;
  return copy.run("test/faults/main.ts", ["--quick", "--only", scenario, "--store", store], RUN_MS);
}

function lastOf(output: string): string {
  return output.slice(-4_000);
}
