/**
 * The simulation as a program: `npm run sim -- --seeds 1000`.
 *
 * Each seed is a world of its own: the real queue core, committer, waiting claims, worker endpoints, callbacks and worker
 * loops, on a clock, a network and a disk that fail on request. A run ends with 0 only if no promise of docs/ARCHITECTURE.md
 * was broken, and over 500 seeds or more only if every bad path really was taken. README.md says how to read a failure.
 */

import { parseArgs } from "node:util";
import {
  Counters,
  MUST_HAPPEN,
  MUST_HAPPEN_TO_QUEENS,
  MUST_HAPPEN_TO_SCHEDULES,
  MUST_HAPPEN_TO_SOURCES,
  MUST_HAPPEN_TO_THE_OLD,
} from "./counters.ts";
import { runSeed } from "./run.ts";
import { type Scenario, STORM } from "./scenario.ts";
import { QUEENS, SCENARIOS, SCHEDULES, SHORT_MEMORY, SOURCES } from "./scenarios.ts";
import { tell } from "./tell.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    scenario: { type: "string", default: "storm" },
    job: { type: "string" },
    counters: { type: "boolean", default: false },
    "until-broken": { type: "boolean", default: false },
  },
});

/** Each seed takes one of these. */
const scenarios = values.scenario === "mix" ? SCENARIOS : SCENARIOS.filter(({ name }) => name === values.scenario);
if (scenarios.length === 0) {
  process.stderr.write(`There is no scenario ${values.scenario}. There are "mix", which takes turns, and:\n`);
  for (const { name, about } of SCENARIOS) process.stderr.write(`  ${name.padEnd(20)} ${about}\n`);
  process.exit(2);
}

const single = values.seed !== undefined;
const first = Number(values.seed ?? values.from);
const count = single ? 1 : Number(values.seeds);
const counters = new Counters();
let operations = 0;
let brokenSeeds = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const scenario = scenarios[seed % scenarios.length] ?? STORM;
  const verdict = await runSeed(scenario, seed);
  operations += verdict.operations;
  counters.add(verdict.counters);
  if (single) for (const entry of verdict.entries) tell(entry, values.job);
  if (single) process.stdout.write(`history ${verdict.digest}\n`);
  if (verdict.broken.length === 0) continue;
  brokenSeeds += 1;
  process.stdout.write(`seed ${seed} of ${scenario.name} broke:\n`);
  for (const line of verdict.broken.slice(0, 20)) process.stdout.write(`  ${line}\n`);
  process.stdout.write(`  replay: npm run sim -- --scenario ${scenario.name} --seed ${seed}\n`);
  if (values["until-broken"]) break;
}
if (values.counters) {
  for (const [what, times] of [...counters.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    process.stdout.write(`${String(times).padStart(9)} ${what}\n`);
}
const runs = (scenario: Scenario): number => (scenarios.includes(scenario) ? count / scenarios.length : 0);
const must = [
  ...(runs(STORM) >= 500 ? MUST_HAPPEN : []),
  ...(runs(QUEENS) >= 100 ? MUST_HAPPEN_TO_QUEENS : []),
  ...(runs(SHORT_MEMORY) >= 100 ? MUST_HAPPEN_TO_THE_OLD : []),
  ...(runs(SCHEDULES) >= 100 ? MUST_HAPPEN_TO_SCHEDULES : []),
  ...(runs(SOURCES) >= 100 ? MUST_HAPPEN_TO_SOURCES : []),
];
const missing = counters.missing(must);
if (missing.length > 0) process.stdout.write(`never happened, so nothing was shown about it: ${missing.join(", ")}\n`);
process.stdout.write(`seeds ${count}, operations ${operations}, broken ${brokenSeeds}\n`);
process.exitCode = brokenSeeds + missing.length === 0 ? 0 : 1;
