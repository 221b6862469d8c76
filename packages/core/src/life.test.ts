import { describe, expect, test } from "vitest";
import { SUCCESS, World, newJob } from "./queue.fixture.ts";

describe("the life of a job", () => {
  test("a job goes from the queue to a worker to its end, and each step is an event", () => {
    const world = new World();
    world.register("w1");
    expect(world.enqueue(newJob("a"))).toEqual([
      { jobId: "a", status: "queued", reason: null, position: 0, existing: false },
    ]);
    const lease = world.start("w1");
    expect(lease).toEqual({ jobId: "a", fence: 1 });
    expect(world.state.counts).toMatchObject({ queued: 0, running: 1 });
    expect(world.finish(lease, SUCCESS)).toEqual({ status: "succeeded", repeated: false });
    expect(world.state.jobs.size).toBe(0);
    expect(world.story("a")).toEqual(["job.queued", "job.leased", "job.started", "job.succeeded"]);
  });
});
