/** A kept program, with a clock the test moves and real processes. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { startProgram } from "./child-program.ts";
import { keepProcess, type KeptProcess } from "./kept-process.ts";

const ready = z.object({ number: z.int(), pid: z.int() });
type Ready = z.output<typeof ready>;

const SAMPLE = {
  name: "the sample",
  program: fileURLToPath(new URL("sample-program.fixture.ts", import.meta.url)),
  ready,
} as const;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Things that happen, to wait for one by one. */
function inbox<T>(): { readonly put: (thing: T) => void; readonly next: () => Promise<T> } {
  const there: T[] = [];
  const waiting: ((thing: T) => void)[] = [];
  return {
    put(thing) {
      const first = waiting.shift();
      if (first === undefined) there.push(thing);
      else first(thing);
    },
    next: () =>
      there.length > 0 ? Promise.resolve(there.shift() as T) : new Promise((settle) => waiting.push(settle)),
  };
}

interface World {
  readonly kept: KeptProcess<Ready>;
  readonly troubles: ReturnType<typeof inbox<string>>;
  readonly restarts: ReturnType<typeof inbox<Ready>>;
  readonly timers: { readonly ms: number; readonly run: () => void }[];
  now: number;
  fail: boolean;
}

async function keep(): Promise<World> {
  const timers: World["timers"] = [];
  const [troubles, restarts] = [inbox<string>(), inbox<Ready>()];
  const told: { now: number; fail: boolean } = { now: 0, fail: false };
  const kept = await keepProcess<Ready>({
    ...SAMPLE,
    settings: (before) => ({ number: (before?.number ?? 0) + 1, fail: told.fail, deaf: false }),
    clock: {
      mono: () => told.now,
      after(ms, run) {
        const timer = { ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
      },
    },
    onLine: () => undefined,
    onTrouble: troubles.put,
    onRestart: restarts.put,
  });
  cleanups.push(() => kept.stop());
  return Object.assign(told, { kept, troubles, restarts, timers });
}

function due(world: World): void {
  world.timers.shift()?.run();
}

test("a program that was killed is started again and told what it said at first", async () => {
  const world = await keep();
  expect(world.kept.ready.number).toBe(1);
  process.kill(world.kept.ready.pid, "SIGKILL");
  expect(await world.troubles.next()).toBe("the sample ended (SIGKILL); it is started again in 500 ms");
  expect(world.kept.running()).toBe(false);
  due(world);
  const again = await world.restarts.next();
  expect(again.number).toBe(2);
  expect(again.pid).not.toBe(world.kept.ready.pid);
  expect(world.kept.running()).toBe(true);
});

test("one that keeps failing is started later and later, and a long good run forgets that", async () => {
  const world = await keep();
  world.fail = true;
  process.kill(world.kept.ready.pid, "SIGKILL");
  await world.troubles.next();
  for (const ms of [1000, 2000, 4000]) {
    due(world);
    expect(await world.troubles.next()).toBe(
      `The sample did not start: Error: told to fail; it is started again in ${ms} ms`,
    );
  }
  world.fail = false;
  due(world);
  const { pid } = await world.restarts.next();
  world.now += 60_000;
  process.kill(pid, "SIGKILL");
  expect(await world.troubles.next()).toMatch(/again in 500 ms$/);
});

test("after a stop nothing is started again", async () => {
  const world = await keep();
  process.kill(world.kept.ready.pid, "SIGKILL");
  await world.troubles.next();
  await world.kept.stop();
  expect(world.timers).toEqual([]);
  await world.kept.stop();
});

test("a program that does not end by itself is killed", async () => {
  const sample = await startProgram({
    ...SAMPLE,
    settings: { number: 1, fail: false, deaf: true },
    stopMs: 50,
    onLine: () => undefined,
  });
  await sample.stop();
  expect(await sample.exited).toEqual({ code: null, signal: "SIGKILL" });
});

test("settings it cannot use are named and not shown", async () => {
  const start = startProgram({ ...SAMPLE, settings: { number: "secret", fail: false, deaf: false }, onLine: () => {} });
  const error: unknown = await start.catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(/The sample did not start: .*number: invalid_type/);
  expect(String(error)).not.toContain("secret");
});
