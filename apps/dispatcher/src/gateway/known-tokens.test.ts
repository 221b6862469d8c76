import { expect, test } from "vitest";
import { KnownTokens } from "./known-tokens.ts";
import type { TokenVerdict } from "./live-calls.ts";

interface World {
  now: number;
  /** Null: nobody answers. */
  verdict: TokenVerdict | null;
  readonly asked: string[];
  readonly tokens: KnownTokens;
}

function start(): World {
  const asked: string[] = [];
  const world: World = {
    now: 0,
    verdict: { ok: true, jobId: "a", fence: 1 },
    asked,
    tokens: new KnownTokens(
      (token) => {
        asked.push(token);
        return world.verdict === null ? Promise.reject(new Error("away")) : Promise.resolve(world.verdict);
      },
      { mono: () => world.now },
    ),
  };
  return world;
}

test("a token is asked about once a minute, however many calls it makes", async () => {
  const world = start();
  for (const at of [0, 1, 59_999, 60_000, 60_001]) {
    world.now = at;
    expect(await world.tokens.look("t")).toMatchObject({ ok: true, jobId: "a" });
  }
  expect(world.asked).toEqual(["t", "t"]);
});

test("a refusal is never remembered, nor that nobody answered", async () => {
  const world = start();
  world.verdict = { ok: false, code: "unauthorized", message: "no" };
  await world.tokens.look("t");
  world.verdict = null;
  await expect(world.tokens.look("t")).rejects.toThrow("away");
  world.verdict = { ok: true, jobId: "a", fence: 1 };
  expect(await world.tokens.look("t")).toMatchObject({ ok: true });
  expect(world.asked).toHaveLength(3);
});

test("a token whose lease is over is asked about again", async () => {
  const world = start();
  await world.tokens.look("t");
  world.tokens.forget("t");
  await world.tokens.look("t");
  expect(world.asked).toHaveLength(2);
});

test("tokens do not fill the memory: the oldest is forgotten first", async () => {
  const world = start();
  for (let n = 0; n <= 10_000; n += 1) {
    await world.tokens.look(`t${n}`);
  }
  world.asked.length = 0;
  await world.tokens.look("t10000");
  await world.tokens.look("t0");
  expect(world.asked).toEqual(["t0"]);
});
