import { expect, test } from "vitest";
import { newJob } from "../queue.fixture.ts";
import { HOUR, SourceWorld, signal } from "./sources.fixture.ts";

test("the first occurrence of a group makes it due, and its job is made in the commit that takes its place", () => {
  const world = new SourceWorld();
  expect(world.hear(signal("a"))).toEqual({ due: ["a"], version: null, canceled: [] });
  const opened = world.apply({
    type: "openGroup",
    source: "s",
    fingerprint: "a",
    episode: 1,
    policy: world.policy,
    job: newJob("s.a.1"),
    overBudget: false,
  });
  expect(opened.reply.jobId).toBe("s.a.1");
  expect(opened.changes.map(({ collection }) => collection)).toEqual(
    expect.arrayContaining(["jobs", "bodies", "groups", "tallies", "events"]),
  );
  expect(world.group("a")).toMatchObject({ stage: "open", jobs: 1, job: { id: "s.a.1", endedAt: null } });
  expect(world.tally).toMatchObject({ jobs: 1, open: { a: "s.a.1" }, due: 0, held: 0, groups: 1 });
  expect(world.status("s.a.1")).toBe("queued");
});

test("a delivery is counted once, however often it is sent and looked at", () => {
  const world = new SourceWorld();
  const receive = () => world.do({ type: "receive", source: "s", id: "d", bytes: 9, sealed: "x" });
  expect(receive()).toEqual({ existing: false, state: "received" });
  expect(receive()).toEqual({ existing: true, state: "received" });
  const look = () =>
    world.observe({ position: { kind: "delivery", id: "d", replay: false }, signals: [signal("a")], filtered: 2 });
  expect(look().due).toEqual(["a"]);
  expect(look().due).toEqual([]);
  expect(receive()).toEqual({ existing: true, state: "processed" });
  expect(world.tally).toMatchObject({ received: 3, filtered: 2, grouped: 1, waiting: 0 });
  expect(world.store.get("deliveries/s/d")).toMatchObject({
    state: "processed",
    times: 3,
    seen: { filtered: 2, fingerprints: ["a"] },
  });
});

test("a delivery that could not be understood is kept with why, and a replay by hand counts what it says", () => {
  const world = new SourceWorld();
  world.do({ type: "receive", source: "s", id: "d", bytes: 9, sealed: "x" });
  world.observe({ position: { kind: "delivery", id: "d", replay: false }, failed: "no JSON" });
  expect(world.store.get("deliveries/s/d")).toMatchObject({ state: "failed", message: "no JSON" });
  world.observe({ position: { kind: "delivery", id: "d", replay: true }, signals: [signal("a")] });
  expect(world.store.get("deliveries/s/d")).toMatchObject({ state: "processed", message: null, replays: 1 });
  expect(world.tally).toMatchObject({ grouped: 1, waiting: 0 });
  const nobody = { position: { kind: "delivery", id: "x", replay: false } as const };
  expect(() => world.observe(nobody)).toThrow(expect.objectContaining({ code: "not_found" }));
});

test("a thousand deliveries may wait; one more is refused, and taken once one was looked at", () => {
  const world = new SourceWorld();
  const receive = (id: string) => world.do({ type: "receive", source: "s", id, bytes: 1, sealed: null });
  for (let n = 0; n < 1_000; n += 1) receive(`d${n}`);
  expect(() => receive("late")).toThrow(expect.objectContaining({ code: "source_busy" }));
  expect(receive("d5").existing).toBe(true);
  world.observe({ position: { kind: "delivery", id: "d0", replay: false } });
  expect(receive("late").existing).toBe(false);
});

test("what was read after a cursor is counted by the one who moves it, with what the source remembers", () => {
  const world = new SourceWorld();
  const read = (version: number, id: string) =>
    world.observe({
      position: { kind: "cursor", version, value: { offset: version + 1 } },
      signals: [signal(id)],
      memories: [{ id: "template", value: { text: id } }],
    }).version;
  expect(read(0, "a")).toBe(1);
  expect(() => read(0, "b")).toThrow(expect.objectContaining({ code: "stale_cursor" }));
  expect(read(1, "c")).toBe(2);
  expect(world.store.get("cursors/s")).toMatchObject({ version: 2, value: { offset: 2 } });
  expect(world.store.get("memories/s/template")).toMatchObject({ source: "s", value: { text: "c" } });
  world.observe({ position: { kind: "cursor", version: 2, value: null }, memories: [{ id: "template", value: null }] });
  expect(world.store.has("memories/s/template")).toBe(false);
  expect(world.groups.map(({ fingerprint }) => fingerprint)).toEqual(["a", "c"]);
});

test("an edited item is kept as a sample and opens nothing; of samples the first and the newest stay", () => {
  const world = new SourceWorld({ count: 2 });
  for (let n = 0; n < 8; n += 1) world.hear(signal("a", { at: n, note: n > 0, title: `title ${n}` }));
  const { samples, count, stage, title } = world.group("a");
  expect(samples.map(({ at }) => at)).toEqual([0, 4, 5, 6, 7]);
  expect({ count, stage, title }).toEqual({ count: 8, stage: "quiet", title: "title 7" });
});

test("a source that has as many groups as it may lets those go that have nothing to do, and says so once a day", () => {
  const world = new SourceWorld({ count: 2, maxGroups: 3, maxOpen: 1 });
  const full = () => world.events.filter(({ type }) => type === "source.groups_full").length;
  world.hear(signal("open", { count: 2 }));
  world.open("open");
  world.hear(signal("held", { count: 2 }));
  world.hear(signal("quiet"));
  const oldest = () => world.groups.toSorted((a, b) => a.lastAt - b.lastAt).map(({ fingerprint }) => fingerprint);
  for (let n = 0; n < 50; n += 1) {
    const version = Number(world.store.get("cursors/s")?.["version"] ?? 0);
    world.observe({
      position: { kind: "cursor", version, value: n },
      signals: [signal(`g${n}`)],
      evict: oldest(),
    });
  }
  expect(new Set(oldest())).toEqual(new Set(["open", "held", "g49"]));
  expect(world.tally).toMatchObject({ groups: 3, grouped: 55, overflow: 0, received: 55 });
  expect(full()).toBe(1);
  world.hear(signal("more"));
  expect(world.tally).toMatchObject({ groups: 3, grouped: 55, overflow: 1, received: 56 });
  world.pass(24 * HOUR);
  world.hear(signal("more"));
  expect(full()).toBe(2);
});

test("after the limit of groups was lowered what is new takes the place of what is old, until no more are kept", () => {
  const world = new SourceWorld({ count: 2, maxGroups: 10 });
  const names = Array.from({ length: 10 }, (_, n) => `g${n}`);
  world.hear(...names.map((name) => signal(name)));
  world.policy = { ...world.policy, maxGroups: 3 };
  const read = (version: number, name: string, evict: readonly string[]) =>
    world.observe({ position: { kind: "cursor", version, value: null }, signals: [signal(name)], evict });
  read(0, "new", ["g0"]);
  expect(world.tally).toMatchObject({ groups: 10, overflow: 0 });
  read(1, "newer", names);
  expect(world.groups.map(({ fingerprint }) => fingerprint)).toEqual(["g9", "new", "newer"]);
  expect(world.tally).toMatchObject({ groups: 3, overflow: 0, received: 12 });
});

test("a group that was forgotten and comes back uses none of its old job ids again", () => {
  const world = new SourceWorld({ cooldownMs: 0 });
  for (const episode of [1, 2]) {
    world.hear(signal("a"));
    expect(world.open("a").jobId).toBe(`s.a.${episode}`);
    world.end("a");
  }
  const forget = (before: number) =>
    world.do({ type: "forgetGroups", source: "s", fingerprints: ["a", "none"], before }).forgotten;
  expect(forget(world.wall)).toBe(0);
  world.pass(1);
  expect(forget(world.wall)).toBe(1);
  expect(world.tally.groups).toBe(0);
  world.hear(signal("a"));
  expect(world.open("a").jobId).toBe("s.a.3");
});

test("what waits, has a job or is muted is not forgotten however old it is", () => {
  const world = new SourceWorld({ maxOpen: 1 });
  world.hear(signal("open"));
  world.open("open");
  world.hear(signal("held"), signal("muted"));
  world.control("muted", "mute");
  world.pass(10_000 * HOUR);
  const fingerprints = ["open", "held", "muted"];
  expect(world.do({ type: "forgetGroups", source: "s", fingerprints, before: world.wall }).forgotten).toBe(0);
});

test("a delivery that waits to be looked at is not forgotten", () => {
  const world = new SourceWorld();
  for (const id of ["waits", "done"]) world.do({ type: "receive", source: "s", id, bytes: 1, sealed: null });
  world.observe({ position: { kind: "delivery", id: "done", replay: false } });
  const ids = ["waits", "done", "done", "none"];
  expect(world.do({ type: "forgetDeliveries", source: "s", ids }).forgotten).toBe(1);
  expect(world.store.has("deliveries/s/waits")).toBe(true);
  expect(world.tally).toMatchObject({ deliveries: 1, waiting: 1 });
});
