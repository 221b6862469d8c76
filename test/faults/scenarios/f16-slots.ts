/**
 * F16B: a schedule with a slot every second while the queen is killed again and again. Whoever leads makes each slot's
 * job, also of those that came while nobody did, and nobody makes one twice.
 */
import type { HiveClient, ScheduleSpec, SlotView } from "@hive/sdk";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import { everyJob } from "../every-job.ts";
import { monotonicMs } from "../history.ts";
import { findQueen, upAndReady } from "../queens.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "../scenario.ts";

const SLOT_MS = 1_000;
const ID = "tick";
const READY_LIMIT_MS = 30_000;
/** More slots than a run makes. */
const PAGE = 1_000;

/** Every slot is made up for, so that none may be missing; nobody does the jobs, so that each can be counted. */
const SPEC: ScheduleSpec = {
  every: "1s",
  overlap: "allow",
  catchup: { window: "1h", runs: "all" },
  job: { repo: "https://github.com/acme/app", task: "test" },
};

export const slots: Scenario = {
  id: "F16B",
  title: "every slot of a schedule makes one job, whoever is the queen by then and whoever died meanwhile",
  stores: ["sqlite", "redis"],
  quickStores: ["redis"],
  run,
};

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const kills = sized(size, { quick: 3, full: 20 });
  await using replicas = await startReplicas({ store, count: store === "redis" ? 3 : 1 });
  const { servers } = replicas;
  const hive = replicas.hive(12);
  const chance = dice(seed, "kills");
  const takeoverMs: number[] = [];
  await hive.schedules.put(ID, SPEC);
  for (let kill = 0; kill < kills; kill += 1) {
    await upAndReady(servers, READY_LIMIT_MS);
    // Not in whole seconds: the kills are to come at any point of a firing.
    await pause(machineClock, chance.int(300, 3_000), AbortSignal.timeout(READY_LIMIT_MS));
    const victim = (await findQueen(servers)) ?? servers[0];
    const others = servers.filter((one) => one !== victim);
    const begun = monotonicMs();
    await victim.crash();
    if (others.length > 0) {
      await until("another queen", () => findQueen(others), { limitMs: READY_LIMIT_MS });
      takeoverMs.push(monotonicMs() - begun);
    }
    await victim.start();
  }
  await upAndReady(servers, READY_LIMIT_MS);
  const over = Date.now();
  await until("slots after the last kill", async () => (await slotsOf(hive)).some(({ slot }) => slot > over));
  await hive.schedules.pause(ID);

  const made = (await slotsOf(hive)).toReversed();
  const jobs = await everyJob(hive);
  return {
    broken: complaints(made, [...jobs.keys()]),
    figures: {
      slots: made.length,
      kills,
      jobs: jobs.size,
      takeovers: tellTimes(takeoverMs),
      "decided after their slot": tellTimes(made.map(({ at, slot }) => at - slot)),
    },
  };
}

async function slotsOf(hive: HiveClient): Promise<readonly SlotView[]> {
  return (await hive.schedules.slots(ID, { limit: PAGE })).slots;
}

/** What is wrong with these slots, oldest first, and the jobs that are there. */
function complaints(made: readonly SlotView[], jobs: readonly string[]): string[] {
  const broken: string[] = [];
  if (made.length === 0 || made.length === PAGE) broken.push(`the run proves little: ${made.length} slots were seen`);
  const [first] = made;
  for (const [place, { slot, outcome, reason, jobId }] of made.entries()) {
    const wanted = (first?.slot ?? 0) + place * SLOT_MS;
    if (slot !== wanted) {
      broken.push(
        `I7: the slot ${new Date(wanted).toISOString()} has no record; ${new Date(slot).toISOString()} is next`,
      );
      break;
    }
    if (outcome !== "job") broken.push(`I7: the slot ${new Date(slot).toISOString()} is ${outcome}: ${reason}`);
    else if (jobId === null || !jobs.includes(jobId)) broken.push(`I1: the job ${jobId} of a slot is not there`);
  }
  const wanted = new Set(made.map(({ jobId }) => jobId));
  if (wanted.size !== made.length) broken.push(`I7: ${made.length} slots have ${wanted.size} jobs`);
  for (const jobId of jobs) if (!wanted.has(jobId)) broken.push(`I7: ${jobId} is of no slot`);
  return broken;
}
