/** The jobs of a random life, and how their attempts end: what three numbers of the dice choose. */

import { NO_LIMITS } from "./budget.ts";
import { candidateId } from "./candidates.ts";
import type { NewJob, Outcome } from "./command.ts";
import { RESULT, SUCCESS, failure, newJob } from "./queue.fixture.ts";

/** Ids of jobs that have two candidates. */
export const FAMILIES = ["f0", "f1"] as const;
const SINGLE = Array.from({ length: 24 }, (_, n) => `j${n}`);
/** Every id there can be. */
export const IDS = [...SINGLE, ...FAMILIES.flatMap((id) => [id, candidateId(id, 1), candidateId(id, 2)])];

/** A job done twice, as the edge hands it in. */
export function someFamily(wall: number, a: number, b: number, c: number): readonly NewJob[] {
  const id = FAMILIES[a % 2] ?? "f0";
  const what = {
    ...someJob(wall, a, b, c),
    task: "agent",
    agent: null,
    hold: null,
    approval: c % 3 ? "none" : "start",
    // The edge refuses candidates of others: they push.
    trust: "trusted",
  } as const;
  const children = [1, 2].map((n) => ({
    ...what,
    id: candidateId(id, n),
    bodyHash: `candidate ${n} of ${id}`,
    parent: id,
    callback: false,
  }));
  return [{ ...what, id, bodyHash: id, candidates: { count: 2, choose: b % 2 ? "person" : "rule" } }, ...children];
}

/** One of many small jobs, by three numbers. */
export function someJob(wall: number, a: number, b: number, c: number): NewJob {
  const id = SINGLE[a % SINGLE.length] ?? "j0";
  return newJob(id, {
    bodyHash: c % 13 === 0 ? "other" : id,
    task: a % 3 ? "agent" : "script",
    priority: b % 3,
    role: [null, null, "r", "s"][b % 4] ?? null,
    labels: [[], [], ["x"], ["y", "x"]][c % 4] ?? [],
    key: [null, "one", "two"][c % 3] ?? null,
    agent: b % 7 === 0 ? "demo" : null,
    approval: (["none", "none", "none", "none", "start", "publish"] as const)[a % 6] ?? "none",
    trust: c % 8 === 0 ? "untrusted" : "trusted",
    hold: ([null, null, null, null, null, "no_agent", "paused"] as const)[b % 7] ?? null,
    runAt: b % 5 === 0 ? wall + 700 : null,
    maxAttempts: 1 + (b % 3),
    retryOn: c % 2 ? "system" : "failure",
    timeoutMs: 4_000,
    budget: { ...NO_LIMITS, minutes: b % 6 === 0 ? 0.05 : null },
    callback: c % 2 === 0,
    dependsOn: c % 5 === 0 ? [IDS[b % IDS.length] ?? "j0"] : [],
    secrets: b % 2 ? { githubToken: "sealed" } : {},
  });
}

/** How a worker ends its attempt. */
export function someOutcome(c: number): Outcome {
  const outcomes: readonly Outcome[] = [
    SUCCESS,
    SUCCESS,
    { end: "failed", error: { code: "verify_failed", kind: "work", message: "red" }, result: RESULT },
    failure("system"),
    failure("work"),
    { end: "returned", message: "" },
    { end: "canceled", result: null },
    { end: "awaits_approval", bundle: { sha256: "good", artifact: "b" }, result: RESULT },
  ];
  return outcomes[c % outcomes.length] ?? SUCCESS;
}
