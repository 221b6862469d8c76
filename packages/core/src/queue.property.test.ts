/**
 * The promises hold in any life of the queue: random commands, checked after each, and at the end that every bad path
 * really was taken. A failing life prints the shortest rolls that break it.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Life, VERBS } from "./life.fixture.ts";

const number = fc.noBias(fc.nat(99_999));
const roll = fc.record({ what: fc.constantFrom(...VERBS), a: number, b: number, c: number });
const rolls = fc.array(roll, { minLength: 100, maxLength: 150, size: "max" });

/** Shorter lives tried once one broke a promise; without an end to it a red test would search for minutes. */
const SHORTER = 400;

/** What must have happened at least this often over all lives, so that a green test means something. */
const MUST_HAPPEN = [
  ...["id_conflict", "idempotency_conflict", "unknown_dependency", "dependency_cycle", "queue_full"],
  ...["lease_lost", "not_begun", "worker_busy", "worker_unknown", "wrong_status", "approval_mismatch", "not_found"],
  ...["claim repeated", "finish repeated", "restart", "job.retrying", "job.publishing", "job.agent", "job.approved"],
  ...[
    "job.failed poison",
    "job.failed timeout",
    "job.failed broken",
    "job.failed budget_exceeded",
    "job.stop_requested",
    "job.budget",
    "job.canceled dependency_failed",
  ],
  ...["job.chosen", "job.failed candidates_failed"],
  ...["comment on running", "comment on queued", "comment on held", "not_supported"],
  ...["job.canceled rejected", "job.canceled requested", "job.succeeded null", "job.blocked", "callback.dead"],
];

test("counts, limits, fences, ends, owners, order, reload and all-or-nothing hold after every command", () => {
  const seen = new Map<string, number>();
  let broken = false;
  let shorter = 0;
  const saw = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(rolls, (life) => {
      if (shorter > SHORTER) return;
      if (broken) shorter += 1;
      broken = true;
      const queue = new Life(saw);
      for (const one of life) queue.roll(one);
      queue.restart();
      if (shorter === 0) broken = false;
    }),
    { numRuns: 400, seed: 20_261_123 },
  );
  expect(MUST_HAPPEN.filter((what) => (seen.get(what) ?? 0) < 5)).toEqual([]);
}, 120_000);
