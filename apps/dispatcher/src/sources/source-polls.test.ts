import { cursorKey, HiveError } from "@hive/core";
import { expect, onTestFinished, test } from "vitest";
import type { KeptIntake } from "../intake/intake-process.ts";
import type { Replies } from "../intake/messages.ts";
import { createFoundKeeper } from "./keep-found.ts";
import { createHealthBook } from "./source-health.ts";
import { startPolls } from "./source-polls.ts";
import { compileSource } from "./source-settings.ts";
import { sourceStore } from "./source-store.fixture.ts";
import { SOURCE_TYPES } from "./source-types.ts";

const DAY_MS = 86_400_000;
const EVERY_MS = DAY_MS / 4;
const NOTHING: Replies["poll"] = {
  ...{ signals: [], followUps: [], filtered: 0 },
  ...{ cursor: null, memories: {}, more: false },
};

/** A feed that is polled four times a day, and finds `found` each time. */
async function polls(found: Replies["poll"], refusal: HiveError | null = null) {
  const { clock, queue, observe } = await sourceStore();
  const settings = { type: "feed", url: "https://example.com/feed", job: { repo: "https://example.com/acme/app" } };
  const compiled = compileSource("s", settings, SOURCE_TYPES);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  await observe([], { position: { kind: "cursor", version: 0, value: { etag: "1" } } });
  const health = createHealthBook();
  let asked = 0;
  const intake: KeptIntake = {
    ask: (question) => {
      if (question.kind === "poll") asked += 1;
      return Promise.resolve((question.kind === "poll" ? found : {}) as never);
    },
    pid: () => 1,
    stop: () => Promise.resolve(),
  };
  const polling = startPolls({
    ...{ source: compiled.source, everyMs: EVERY_MS, queue, clock, intake, health },
    keep: refusal === null ? createFoundKeeper({ queue, onFollowUp: () => {} }) : () => Promise.reject(refusal),
    onTrouble: (message, error) => {
      throw new Error(message, { cause: error });
    },
  });
  onTestFinished(() => polling.stop());
  const cursor = async () => {
    const [doc] = await queue.documents.get([cursorKey("s")]);
    return { value: doc?.["value"], age: clock.wall() - Number(doc?.["at"]) };
  };
  return { clock, health, cursor, asked: () => asked };
}

test("a source that is read and has no news for long is not taken for one that is not read any more", async () => {
  const { clock, cursor, asked } = await polls(NOTHING);
  for (let polled = 0; polled < 40; polled += 1) {
    clock.time += EVERY_MS;
    await clock.pass(0);
  }
  expect(asked()).toBeGreaterThan(35);
  const { value, age } = await cursor();
  expect(value).toEqual({ etag: "1" });
  expect(age).toBeLessThanOrEqual(2 * DAY_MS);
});

test("a peer that asks for years of rest gets a day", async () => {
  const { clock, health } = await polls({ ...NOTHING, afterMs: 1e12 });
  await clock.pass(0);
  expect(health.of("s").nextPollAt).toBe(clock.wall() + DAY_MS);
});

test("while what was found finds no room nobody is asked more often, and people see why; a store that was away is no reason", async () => {
  const found = { ...NOTHING, cursor: { etag: "2" } };
  const full = await polls(found, new HiveError("queue_full", "10000 jobs are waiting already"));
  await full.clock.pass(0);
  expect(full.health.of("s")).toMatchObject({
    nextPollAt: full.clock.wall() + 5 * 60_000,
    error: { message: expect.stringContaining("10000 jobs") },
  });
  const away = await polls(found, new HiveError("store_failed", "the store did not answer"));
  await away.clock.pass(0);
  expect(away.health.of("s")).toMatchObject({ nextPollAt: away.clock.wall() + 2_000, error: null });
});
