import { expect, test } from "vitest";
import { type KeyAnswer, KeyRing, type KeyRingOptions, type RingKey } from "./key-ring.ts";

const ONE: RingKey = { label: "ONE", value: "1" };
const TWO: RingKey = { label: "TWO", value: "2" };

interface World {
  readonly ring: KeyRing;
  readonly changes: { readonly key: string; readonly state: string; readonly forMs: number | null }[];
  now: number;
  /** Lets this much time go by. */
  readonly pass: (ms: number) => void;
  readonly take: (
    model?: string,
    signal?: AbortSignal,
    refusal?: (key: RingKey) => string | null,
  ) => Promise<KeyAnswer>;
}

function start(options: Partial<KeyRingOptions> & Pick<KeyRingOptions, "keys">): World {
  const changes: World["changes"] = [];
  const timers: { readonly at: number; readonly run: () => void }[] = [];
  const clock: KeyRingOptions["clock"] = {
    mono: () => world.now,
    after(ms, run) {
      timers.push({ at: world.now + ms, run });
      return () => undefined;
    },
  };
  const world: World = {
    ring: new KeyRing({ clock, onChange: (change) => changes.push(change), ...options }),
    changes,
    now: 1_000,
    pass(ms) {
      world.now += ms;
      for (const { run } of timers.filter(({ at }) => at <= world.now)) {
        run();
      }
    },
    take: (model = "m", signal = new AbortController().signal, refusal = () => null) =>
      world.ring.take({ model, refusal, signal }),
  };
  return world;
}

function labelOf(answer: KeyAnswer): string {
  return answer.kind === "key" ? answer.key.label : answer.kind;
}

function release(answer: KeyAnswer): void {
  if (answer.kind === "key") {
    answer.release();
  }
}

/** What a promise is by now: its value, or `waiting`. */
function now<T>(promise: Promise<T>): Promise<T | "waiting"> {
  return Promise.race([promise, new Promise<"waiting">((settle) => setImmediate(() => settle("waiting")))]);
}

test("the first key serves as long as it can", async () => {
  const { take } = start({ keys: [ONE, TWO] });
  const taken = await Promise.all([take(), take(), take()]);
  expect(taken.map(labelOf)).toEqual(["ONE", "ONE", "ONE"]);
});

test("a full key sends calls to the next; when all are full they wait in order", async () => {
  const { take } = start({
    keys: [
      { ...ONE, limit: 1 },
      { ...TWO, limit: 1 },
    ],
  });
  const first = await take();
  const second = await take();
  expect([first, second].map(labelOf)).toEqual(["ONE", "TWO"]);
  const third = take();
  const fourth = take();
  expect([await now(third), await now(fourth)]).toEqual(["waiting", "waiting"]);
  release(second);
  expect([labelOf(await third), await now(fourth)]).toEqual(["TWO", "waiting"]);
  release(first);
  expect(labelOf(await fourth)).toBe("ONE");
});

test("a call that is given back twice makes room once", async () => {
  const { take } = start({ keys: [{ ...ONE, limit: 1 }] });
  const first = await take();
  release(first);
  release(first);
  await take();
  expect(await now(take())).toBe("waiting");
});

test("the limit over all keys holds, also where there is no key", async () => {
  const { take } = start({ keys: [{ label: "no key", value: null }], limit: 1 });
  const first = await take();
  const second = take();
  expect(await now(second)).toBe("waiting");
  release(first);
  expect(labelOf(await second)).toBe("no key");
});

test("a wait ends with its client, and the next in line is not held up by it", async () => {
  const { take } = start({ keys: [{ ...ONE, limit: 1 }] });
  const first = await take();
  const leaving = new AbortController();
  const second = take("m", leaving.signal);
  const third = take();
  leaving.abort();
  expect(await second).toEqual({ kind: "gone" });
  release(first);
  expect(labelOf(await third)).toBe("ONE");
  expect(await take("m", AbortSignal.abort())).toEqual({ kind: "gone" });
});

test("only so many may wait", async () => {
  const { take } = start({ keys: [{ ...ONE, limit: 1 }], maxWaiting: 1 });
  await take();
  const waits = take();
  expect(await take()).toEqual({ kind: "too_many" });
  expect(await now(waits)).toBe("waiting");
});

test("a limit sets a key aside for the model that met it, and for no other", async () => {
  const world = start({ keys: [ONE, TWO] });
  world.ring.limited(ONE, "opus", 5_000, "slow down");
  expect([labelOf(await world.take("opus")), labelOf(await world.take("sonnet"))]).toEqual(["TWO", "ONE"]);
  world.ring.limited(TWO, "opus", 2_000, "slow down too");
  expect(await world.take("opus")).toEqual({ kind: "limited", forMs: 2_000, why: "slow down too" });
  world.pass(2_000);
  expect(labelOf(await world.take("opus"))).toBe("TWO");
  world.pass(3_000);
  expect(labelOf(await world.take("opus"))).toBe("ONE");
  expect(world.changes.map(({ key, forMs }) => [key, forMs])).toEqual([
    ["ONE", 5_000],
    ["TWO", 2_000],
  ]);
});

test("a limit that comes while calls wait sends them on", async () => {
  const full = { ...ONE, limit: 1 };
  const world = start({ keys: [full] });
  await world.take();
  const waits = world.take();
  world.ring.limited(full, "m", 9_000, "slow down");
  expect(await waits).toEqual({ kind: "limited", forMs: 9_000, why: "slow down" });
});

test("a call that waits for room takes a key that comes back first", async () => {
  const full = { ...TWO, limit: 1 };
  const world = start({ keys: [ONE, full] });
  world.ring.limited(ONE, "m", 9_000, "slow down");
  await world.take();
  const waits = world.take();
  expect(await now(waits)).toBe("waiting");
  world.pass(9_000);
  expect(labelOf(await waits)).toBe("ONE");
});

test("a refused key is set aside for every model, twice as long each time, until it works", async () => {
  const world = start({ keys: [ONE, TWO] });
  world.ring.refused(ONE, "it is refused (401)");
  // What is under way with it learns the same; that is no new refusal.
  world.ring.refused(ONE, "it is refused (401)");
  expect(labelOf(await world.take("any"))).toBe("TWO");
  world.pass(60_000);
  expect(labelOf(await world.take())).toBe("ONE");
  world.ring.refused(ONE, "it is refused (401)");
  world.pass(60_000);
  expect(labelOf(await world.take())).toBe("TWO");
  world.pass(60_000);
  world.ring.worked(ONE);
  expect(labelOf(await world.take())).toBe("ONE");
  world.ring.refused(ONE, "it is refused (401)");
  expect(world.changes).toEqual([
    { key: "ONE", state: "it is refused (401)", forMs: 60_000 },
    { key: "ONE", state: "it is refused (401)", forMs: 120_000 },
    { key: "ONE", state: "works again", forMs: null },
    { key: "ONE", state: "it is refused (401)", forMs: 60_000 },
  ]);
});

test("a refused key is never waited for while another is only used up", async () => {
  const world = start({ keys: [ONE, TWO] });
  world.ring.refused(ONE, "bad");
  world.ring.limited(TWO, "m", 90_000, "used up");
  expect(await world.take()).toEqual({ kind: "limited", forMs: 90_000, why: "used up" });
  world.ring.refused(TWO, "bad too");
  expect(await world.take()).toMatchObject({ kind: "refused" });
});

test("a key that may not serve a call is passed over, and none at all says why", async () => {
  const world = start({ keys: [ONE, TWO] });
  const notOne = (key: RingKey) => (key === ONE ? "for others" : null);
  expect(labelOf(await world.take("m", undefined, notOne))).toBe("TWO");
  expect(await world.take("m", undefined, () => "for others")).toEqual({ kind: "none", why: "for others" });
  expect(await start({ keys: [] }).take()).toEqual({ kind: "none", why: "there is no key" });
});

test("names of models do not fill the memory", async () => {
  const world = start({ keys: [ONE] });
  for (let n = 0; n < 3_000; n += 1) {
    world.ring.limited(ONE, `model-${n}`, 60_000, "x");
  }
  expect(await world.take("model-2999")).toMatchObject({ kind: "limited" });
  expect(labelOf(await world.take("model-0"))).toBe("ONE");
});
