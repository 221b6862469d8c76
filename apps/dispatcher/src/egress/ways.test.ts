/** Open connections on a clock the test moves. */
import { expect, test } from "vitest";
import type { EgressLease, Report } from "./dispatcher-link.ts";
import { createWays, type CutReason, LOOK_MS, type Way, type WayLimits, type Ways } from "./ways.ts";

interface World {
  readonly ways: Ways;
  readonly reports: Report[];
  /** The ids of the leases that are over. */
  over: string[];
  answering: boolean;
  /** Lets time pass, second by second, with a look at each. */
  pass(ms: number): Promise<void>;
  open(lease?: EgressLease): {
    readonly way: Way;
    readonly cuts: CutReason[];
    readonly counted: { bytesRead: number; bytesWritten: number };
  };
}

const LEASE: EgressLease = { jobId: "a", fence: 1, audience: "egress" };

function start(limits: Partial<WayLimits> = {}): World {
  let now = 0;
  let due: (() => void) | null = null;
  const reports: Report[] = [];
  const world = {
    reports,
    over: [] as string[],
    answering: true,
  };
  const ways = createWays({
    limits: { connections: 2, bytes: 1_000, ...limits },
    clock: {
      mono: () => now,
      after(ms, run) {
        expect(ms).toBe(LOOK_MS);
        due = run;
        return () => void (due = null);
      },
    },
    report: async (report) => {
      if (!world.answering) throw new Error("nobody there");
      reports.push(report);
      return report.leases.filter(({ jobId, fence }) => world.over.includes(`${jobId}/${fence}`));
    },
  });
  return Object.assign(world, {
    ways,
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += LOOK_MS) {
        now += LOOK_MS;
        const look = due;
        due = null;
        look?.();
        // It asks, and then waits for the next look.
        while (due === null) await new Promise((settle) => setImmediate(settle));
      }
    },
    open(lease = LEASE) {
      const cuts: CutReason[] = [];
      const way = ways.open(lease, (reason) => cuts.push(reason));
      if (typeof way === "string") throw new Error(way);
      const counted = { bytesRead: 0, bytesWritten: 0 };
      way.carry(counted);
      return { way, cuts, counted };
    },
  });
}

test("when the fence is over, all its connections are cut at the next look, and no others", async () => {
  const world = start();
  const [one, two, other] = [
    world.open(),
    world.open({ ...LEASE, audience: "worker" }),
    world.open({ ...LEASE, fence: 2 }),
  ];
  await world.pass(LOOK_MS);
  expect([one.cuts, two.cuts, other.cuts]).toEqual([[], [], []]);
  world.over = ["a/1"];
  await world.pass(LOOK_MS);
  expect([one.cuts, two.cuts, other.cuts]).toEqual([["over"], ["over"], []]);
});

test("one question is asked for all connections of all leases", async () => {
  const world = start();
  for (const fence of [1, 2])
    for (const audience of ["egress", "worker"] as const) world.open({ ...LEASE, fence, audience });
  world.open();
  await world.pass(LOOK_MS);
  expect(world.reports).toEqual([
    {
      leases: [expect.objectContaining({ fence: 1 }), expect.objectContaining({ fence: 2 })],
      connections: 5,
      bytesOut: 0,
      bytesIn: 0,
    },
  ]);
});

test("a lease has so many connections at once, supervisor and agent counted apart", () => {
  const world = start();
  const first = world.open();
  world.open();
  expect(world.ways.open(LEASE, () => {})).toBe("too_many_connections");
  world.open({ ...LEASE, audience: "worker" });
  first.way.end();
  first.way.end();
  world.open();
  expect(world.ways.open(LEASE, () => {})).toBe("too_many_connections");
  expect(world.ways.size).toBe(3);
});

test("a lease that moved too much is cut, and opens nothing more; its supervisor does", async () => {
  const world = start();
  const agent = world.open();
  const supervisor = world.open({ ...LEASE, audience: "worker" });
  agent.counted.bytesRead = 600;
  agent.counted.bytesWritten = 400;
  await world.pass(LOOK_MS);
  expect(agent.cuts).toEqual([]);
  agent.counted.bytesWritten = 401;
  await world.pass(LOOK_MS);
  expect([agent.cuts, supervisor.cuts]).toEqual([["too_many_bytes"], []]);
  agent.way.end();
  expect(world.ways.open(LEASE, () => {})).toBe("too_many_bytes");
  world.open({ ...LEASE, audience: "worker" });
  world.open({ ...LEASE, fence: 2 });
});

test("bytes of connections that were closed between two looks count too, and are told once", async () => {
  const world = start();
  for (let n = 0; n < 3; n += 1) {
    const { way, counted } = world.open();
    counted.bytesRead = 300;
    counted.bytesWritten = 50;
    way.end();
  }
  expect(world.ways.open(LEASE, () => {})).toBe("too_many_bytes");
  await world.pass(2 * LOOK_MS);
  expect(world.reports.map(({ bytesIn, bytesOut }) => [bytesIn, bytesOut])).toEqual([
    [900, 150],
    [0, 0],
  ]);
});

test("what could not be told is told later", async () => {
  const world = start();
  const { counted } = world.open();
  counted.bytesRead = 10;
  world.answering = false;
  await world.pass(3 * LOOK_MS);
  counted.bytesRead = 25;
  world.answering = true;
  await world.pass(LOOK_MS);
  expect(world.reports).toMatchObject([{ bytesIn: 25 }]);
});

test("a connection over which nothing moves is closed, one that moves is not", async () => {
  const world = start({ idleMs: 10_000 });
  const [silent, busy] = [world.open(), world.open()];
  for (let n = 0; n < 12; n += 1) {
    busy.counted.bytesRead += 1;
    await world.pass(LOOK_MS);
  }
  expect([silent.cuts[0], busy.cuts]).toEqual(["idle", []]);
});

test("while nobody says whether leases live connections go on, for as long as a lease lasts unheard", async () => {
  const world = start({ graceMs: 5_000 });
  const { cuts } = world.open();
  await world.pass(LOOK_MS);
  world.answering = false;
  await world.pass(5_000);
  expect(cuts).toEqual([]);
  await world.pass(LOOK_MS);
  expect(cuts).toEqual(["unknown"]);
});

test("long silence of a server that has nothing to answer is no silence", async () => {
  const world = start({ graceMs: 5_000 });
  await world.pass(60_000);
  expect(world.reports).toEqual([]);
  const { cuts } = world.open();
  world.answering = false;
  await world.pass(LOOK_MS);
  expect(cuts).toEqual([]);
});

test("a stop cuts everything", () => {
  const world = start();
  const { cuts } = world.open();
  world.ways.stop();
  expect(cuts).toEqual(["stopping"]);
});
