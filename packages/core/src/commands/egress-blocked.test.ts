import { expect, test } from "vitest";
import { SUCCESS, World, newJob } from "../queue.fixture.ts";

const place = {
  host: "evil.example",
  port: 443,
  reason: "not_allowed",
  message: "evil.example:443 is not on the list",
};

function started(): { readonly world: World; readonly lease: { jobId: string; fence: number } } {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("a"));
  return { world, lease: world.start("w") };
}

test("a refused place is an event of the job, once for each place, port and reason of an attempt", () => {
  const { world, lease } = started();
  const tell = (what: Partial<typeof place>, of = lease) =>
    world.do({ type: "egressBlocked", lease: of, ...place, ...what }).told;
  expect([
    tell({}),
    tell({}),
    tell({ port: 80 }),
    tell({ reason: "not_tls" }),
    tell({ message: "other words" }),
  ]).toEqual([true, false, true, true, false]);
  expect(world.last("a")).toMatchObject({
    type: "job.egress_blocked",
    data: { host: "evil.example", port: 443, reason: "not_tls", fence: 1, attempt: 1, status: "running" },
  });
  world.finish(lease, { end: "returned", message: "" });
  expect(tell({}, world.start("w"))).toBe(true);
});

test("of one attempt at most fifty are told", () => {
  const { world, lease } = started();
  const told = Array.from(
    { length: 60 },
    (_, n) => world.do({ type: "egressBlocked", lease, ...place, host: `h${n}` }).told,
  );
  expect(told.filter(Boolean)).toHaveLength(50);
  expect(world.events.filter((event) => event.type === "job.egress_blocked")).toHaveLength(50);
});

test("under an old fence nothing is told and nothing is left", () => {
  const { world, lease } = started();
  world.finish(lease, SUCCESS);
  expect(() => world.do({ type: "egressBlocked", lease, ...place })).toThrow(
    expect.objectContaining({ code: "lease_lost" }),
  );
  expect(world.store.get("egress/a")).toBeUndefined();
});
