import { describe, expect, test } from "vitest";
import { STATUSES, type Status, TERMINAL_STATUSES, isTerminal } from "./job.ts";
import { World, newJob } from "./queue.fixture.ts";
import { Step } from "./step.ts";
import { MAY_FOLLOW, move } from "./transitions.ts";

describe("transitions", () => {
  test("every status that is not an end can reach one, and only a retry or a comment leads out of an end", () => {
    for (const status of STATUSES) {
      const reached = new Set<Status>([status]);
      for (const one of reached) for (const next of isTerminal(one) ? [] : MAY_FOLLOW[one]) reached.add(next);
      expect(TERMINAL_STATUSES.some((end) => reached.has(end))).toBe(true);
    }
    expect(MAY_FOLLOW.succeeded).toEqual(["queued"]);
    expect(MAY_FOLLOW.failed).not.toContain("running");
  });

  test("a job runs only after it was queued", () => {
    const before = [...STATUSES, "new" as const].filter((status) => MAY_FOLLOW[status].includes("running"));
    expect(before).toEqual(["queued"]);
  });

  test("a move that is not in the table is a bug, and changes nothing", () => {
    const world = new World();
    world.enqueue(newJob("a", { approval: "start" }));
    const job = world.state.jobs.get("a");
    if (job === undefined) throw new Error("no job");
    const step = new Step(world.state, new Map(), { mono: 0, wall: 0, random: () => 0 });
    expect(() => move(step, job, { status: "running" })).toThrow("a cannot go from held to running");
    expect(world.state.jobs.get("a")).toBe(job);
    expect(world.state.counts).toMatchObject({ held: 1, running: 0 });
  });
});
