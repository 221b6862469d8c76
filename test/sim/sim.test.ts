import { expect, test } from "vitest";
import {
  Counters,
  MUST_HAPPEN_TO_QUEENS,
  MUST_HAPPEN_TO_SCHEDULES,
  MUST_HAPPEN_TO_SOURCES,
  MUST_HAPPEN_TO_THE_OLD,
} from "./counters.ts";
import { runSeed } from "./run.ts";
import { STORM } from "./scenario.ts";
import { QUEENS, SCENARIOS, SCHEDULES, SHORT_MEMORY, SOURCES } from "./scenarios.ts";

test("500 worlds in which everything goes wrong break no promise, and every bad path was taken", async () => {
  const counters = new Counters();
  const broken: string[] = [];
  for (let seed = 1; seed <= 500 && broken.length === 0; seed += 1) {
    const verdict = await runSeed(STORM, seed);
    counters.add(verdict.counters);
    if (verdict.broken.length > 0) broken.push(`replay: npm run sim -- --seed ${seed}`, ...verdict.broken);
  }
  expect(broken).toEqual([]);
  expect(counters.missing()).toEqual([]);
});

test("40 worlds of three dispatchers break no promise, and every way to lose and take the lead was taken", async () => {
  const counters = new Counters();
  for (let seed = 1; seed <= 40; seed += 1) {
    const verdict = await runSeed(QUEENS, seed);
    counters.add(verdict.counters);
    const replay = verdict.broken.length === 0 ? [] : [`replay: npm run sim -- --scenario queens --seed ${seed}`];
    expect([...replay, ...verdict.broken]).toEqual([]);
  }
  expect(counters.missing(MUST_HAPPEN_TO_QUEENS)).toEqual([]);
});

test("40 worlds with a short memory break no promise, and what is not kept any more is asked for in every way", async () => {
  const counters = new Counters();
  for (let seed = 1; seed <= 40; seed += 1) {
    const verdict = await runSeed(SHORT_MEMORY, seed);
    counters.add(verdict.counters);
    const replay = verdict.broken.length === 0 ? [] : [`replay: npm run sim -- --scenario short-memory --seed ${seed}`];
    expect([...replay, ...verdict.broken]).toEqual([]);
  }
  expect(counters.missing(MUST_HAPPEN_TO_THE_OLD)).toEqual([]);
});

test("40 worlds with schedules break no promise, and slots came twice, waited, and were left out for every reason", async () => {
  const counters = new Counters();
  for (let seed = 1; seed <= 40; seed += 1) {
    const verdict = await runSeed(SCHEDULES, seed);
    counters.add(verdict.counters);
    const replay = verdict.broken.length === 0 ? [] : [`replay: npm run sim -- --scenario schedules --seed ${seed}`];
    expect([...replay, ...verdict.broken]).toEqual([]);
  }
  expect(counters.missing(MUST_HAPPEN_TO_SCHEDULES)).toEqual([]);
});

test("40 worlds with sources break no promise, and groups were held, muted, released, resolved and came back", async () => {
  const counters = new Counters();
  for (let seed = 1; seed <= 40; seed += 1) {
    const verdict = await runSeed(SOURCES, seed);
    counters.add(verdict.counters);
    const replay = verdict.broken.length === 0 ? [] : [`replay: npm run sim -- --scenario sources --seed ${seed}`];
    expect([...replay, ...verdict.broken]).toEqual([]);
  }
  expect(counters.missing(MUST_HAPPEN_TO_SOURCES)).toEqual([]);
});

const SEEN_ABOVE: readonly unknown[] = [STORM, QUEENS, SHORT_MEMORY, SCHEDULES, SOURCES];
test.each(SCENARIOS.filter((one) => !SEEN_ABOVE.includes(one)).map((scenario) => [scenario.name, scenario] as const))(
  "the scenario %s breaks no promise",
  async (name, scenario) => {
    for (let seed = 1; seed <= 15; seed += 1) {
      const { broken } = await runSeed(scenario, seed);
      const replay = broken.length === 0 ? [] : [`replay: npm run sim -- --scenario ${name} --seed ${seed}`];
      expect([...replay, ...broken]).toEqual([]);
    }
  },
);

test("the same seed makes the same history, another seed another", async () => {
  const first = await runSeed(STORM, 7);
  const again = await runSeed(STORM, 7);
  const other = await runSeed(STORM, 8);
  expect(again.entries.length).toBe(first.entries.length);
  expect(again.digest).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
});
