/** The demand is held against what workers really get when they claim, and its cost is counted in looks, not in time. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { NewJob, WorkerProfile } from "./command.ts";
import { demand } from "./demand.ts";
import { World, newJob, profile, queuedJob } from "./queue.fixture.ts";
import { fits } from "./requirement.ts";

const LIMITS: Readonly<Record<string, number>> = { one: 1, two: 2, five: 5 };
const limitOf = (key: string): number | null => LIMITS[key] ?? null;

const someJob = fc.record({
  role: fc.constantFrom(null, "builder", "tester"),
  labels: fc.constantFrom([], ["gpu"], ["gpu", "arm"]),
  agent: fc.constantFrom(null, "claude"),
  key: fc.constantFrom(null, "one", "two", "five", "free"),
  priority: fc.nat(9),
});
const someWorker = fc.record({
  roles: fc.constantFrom([], ["builder"], ["tester", "builder"]),
  labels: fc.constantFrom([], ["gpu"], ["arm", "gpu"]),
  agents: fc.constantFrom([], ["claude"]),
});

/** A queue with these jobs, some of which were canceled and some of which run. */
function queueOf(jobs: readonly Partial<NewJob>[], canceled: readonly number[], begun: number): World {
  const world = new World({ limitOf });
  jobs.forEach((what, n) => world.enqueue(newJob(`j${n}`, what)));
  for (const n of canceled) if (n < jobs.length) world.do({ type: "cancel", jobId: `j${n}`, by: "p", reason: "" });
  for (let n = 0; n < begun; n += 1) claims(world, `busy${n}`, profile({ labels: ["gpu", "arm"], agents: ["claude"] }));
  return world;
}

function claims(world: World, workerId: string, skills: Partial<WorkerProfile>): boolean {
  world.register(workerId, skills);
  return world.claim(workerId) !== null;
}

test("what is demanded of one kind of worker is what so many of them get when they all claim", () => {
  fc.assert(
    fc.property(
      fc.array(someJob, { maxLength: 30 }),
      fc.array(fc.nat(29), { maxLength: 6 }),
      fc.nat(4),
      someWorker,
      fc.nat(12),
      (jobs, canceled, begun, skills, room) => {
        const world = queueOf(jobs, [...new Set(canceled)], begun);
        const [asked] = demand(world.state, [{ skills, room }]);
        let got = 0;
        for (let n = 0; n < room; n += 1) if (claims(world, `w${n}`, profile(skills))) got += 1;
        expect(asked).toBe(got);
      },
    ),
    { seed: 20_261_124, numRuns: 400 },
  );
});

test("several kinds share the work: no job counts twice, none is left while one that fits has room", () => {
  fc.assert(
    fc.property(
      fc.array(someJob, { maxLength: 30 }),
      fc.array(fc.record({ skills: someWorker, room: fc.nat(6) }), { minLength: 1, maxLength: 4 }),
      (jobs, offers) => {
        const keyless = jobs.map((job) => ({ ...job, key: null }));
        const world = queueOf(keyless, [], 0);
        const asked = demand(world.state, offers);
        const fitting = (some: typeof offers): number =>
          keyless.filter((job) => some.some(({ skills }) => fits(skills, job))).length;
        asked.forEach((count, n) => expect(count).toBeLessThanOrEqual(offers[n]?.room ?? 0));
        const withRoom = offers.filter(({ room }, n) => (asked[n] ?? 0) < room);
        const total = asked.reduce((sum, count) => sum + count, 0);
        expect(total).toBeLessThanOrEqual(fitting(offers));
        expect(total).toBeGreaterThanOrEqual(fitting(withRoom));
        offers.forEach((offer, n) => expect(asked[n] ?? 0).toBeLessThanOrEqual(fitting([offer])));
      },
    ),
    { seed: 20_261_125, numRuns: 400 },
  );
});

test("a job that fits two kinds counts for the first, and for the second once that is full", () => {
  const world = queueOf([{}, {}, { labels: ["gpu"] }], [], 0);
  const plain = { roles: [], labels: [], agents: [] };
  const big = { roles: [], labels: ["gpu"], agents: [] };
  expect(
    demand(world.state, [
      { skills: plain, room: 9 },
      { skills: big, room: 9 },
    ]),
  ).toEqual([2, 1]);
  expect(
    demand(world.state, [
      { skills: plain, room: 1 },
      { skills: big, room: 9 },
    ]),
  ).toEqual([1, 2]);
  expect(
    demand(world.state, [
      { skills: plain, room: 0 },
      { skills: big, room: 1 },
    ]),
  ).toEqual([0, 1]);
});

test("jobs of one key count over all their roles, with those that run already", () => {
  const world = queueOf([{ key: "two" }, { key: "two", role: "builder" }, { key: "two", role: "tester" }], [], 1);
  const any = { roles: [], labels: [], agents: [] };
  expect(demand(world.state, [{ skills: any, room: 9 }])).toEqual([1]);
});

test("two hundred thousand jobs of ten thousand keys cost as many looks as there is room", () => {
  let looks = 0;
  const world = new World({ limitOf: () => ((looks += 1), 1_000) });
  for (let n = 0; n < 200_000; n += 1) world.state.loadJob(queuedJob(`j${n}`, { key: `k${n % 10_000}`, order: n }));
  looks = 0;
  const any = { roles: [], labels: [], agents: [] };
  expect(demand(world.state, [{ skills: any, room: 50 }])).toEqual([50]);
  expect(looks).toBeLessThanOrEqual(51);
});
