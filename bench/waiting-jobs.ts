/**
 * A queue full of jobs as a busy server has them: forty repositories, three roles, labels, all priorities, half of the
 * jobs bound to a branch that only one job may work on at a time.
 */
import { apply, createState, DEFAULT_RULES, type Job, type NewJob, type Rules, type State } from "@hive/core";

/** Jobs put in at once. */
const BATCH = 1_000;
const ROLES = ["builder", "tester", null] as const;

/** The rules of the bench: as many may wait as a row wants. */
export const BENCH_RULES: Rules = { ...DEFAULT_RULES, maxWaiting: Number.MAX_SAFE_INTEGER };

/** The n-th job, as the server's edge compiles it. */
export function waitingJob(n: number): NewJob {
  const repo = `https://github.com/acme/repository-${n % 40}.git`;
  return {
    // A UUID's length, as the server's own ids have.
    id: `0198f0c2-5c1e-7000-8000-${String(n).padStart(12, "0")}`,
    idGiven: false,
    bodyHash: "a".repeat(43),
    task: "script",
    role: ROLES[n % 3] ?? null,
    labels: n % 4 === 0 ? ["linux", "docker"] : [],
    priority: n % 10,
    repo,
    key: n % 2 === 0 ? `${repo}#main` : null,
    agent: null,
    trust: "trusted",
    approval: "none",
    callback: false,
    runAt: null,
    maxAttempts: 3,
    retryOn: "system",
    timeoutMs: 3_600_000,
    budget: { usd: 5, tokens: null, minutes: null, turns: null },
    dependsOn: [],
    branch: null,
    base: "main",
    instructions: null,
    script: "npm test",
    changes: null,
    callbackUrl: null,
    metadata: null,
    gitUser: null,
    egress: null,
    verifyRounds: null,
    origin: "api",
    secrets: {},
    hold: null,
  };
}

/** Jobs `from` to `to` (without `to`), in batches. */
export function* waitingJobs(from: number, to: number): Generator<NewJob[]> {
  for (let start = from; start < to; start += BATCH) {
    yield Array.from({ length: Math.min(BATCH, to - start) }, (_, n) => waitingJob(start + n));
  }
}

/** A state with `count` waiting jobs, loaded the way a start loads it: from JSON. */
export function loadedState(count: number): State {
  const state = createState(BENCH_RULES);
  let counters = { nextSeq: 1, nextOrder: 1, nextEvent: 1 };
  for (const jobs of waitingJobs(0, count)) {
    // Accepted by a queue of its own for each batch, so that nothing but the stored text reaches the measured state.
    const scratch = createState(BENCH_RULES);
    scratch.loaded(counters, { mono: 0 });
    const now = { mono: 0, wall: 1_700_000_000_000, random: () => 0.5 };
    const { changes } = apply(scratch, { type: "enqueue", jobs, idempotency: null }, new Map(), now);
    for (const { collection, doc } of changes) {
      if (collection !== "jobs") continue;
      const stored: unknown = JSON.parse(JSON.stringify(doc));
      state.loadJob(stored as Job);
    }
    counters = { nextSeq: scratch.nextSeq, nextOrder: scratch.nextOrder, nextEvent: scratch.nextEvent };
  }
  state.loaded(counters, { mono: 0 });
  return state;
}
