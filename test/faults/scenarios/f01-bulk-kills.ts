/**
 * F1B: the dispatcher is killed in the middle of a flood of requests, single jobs and batches. Whatever it had
 * acknowledged is there when it comes back, and of a batch either every job or none.
 */
import { endpoints } from "@hive/protocol";
import type { NewJobRequest } from "@hive/sdk";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import { everyJob } from "../every-job.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const bulkKills: Scenario = {
  id: "F1B",
  title: "a dispatcher that is killed in a flood of requests keeps what it acknowledged, and of a batch all or nothing",
  stores: ["sqlite", "redis"],
  quickStores: ["sqlite"],
  run,
};

/** Jobs of a round that must be acknowledged before the kill may come. */
const PLAN = { quick: { rounds: 3, first: 1_000 }, full: { rounds: 20, first: 2_000 } };
/** Requests under way at once: single jobs, and batches. */
const SINGLES = 100;
const BATCHES = 40;
const BATCH = 50;
/** The kill comes at any moment of this time, in milliseconds. */
const MOMENT_MS = 400;

/** Jobs sent in one request, and whether they were acknowledged. */
interface Sent {
  readonly ids: readonly string[];
  acknowledged: boolean;
}

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { rounds, first } = sized(size, PLAN);
  await using replicas = await startReplicas({ store });
  const [server] = replicas.servers;
  const hive = replicas.hive();
  const chance = dice(seed, "F1B");
  const sent: Sent[] = [];
  const broken: string[] = [];
  let there: ReadonlySet<string> = new Set();
  for (let round = 1; round <= rounds; round += 1) {
    const before = sent.length;
    await killWhileSending({ replicas, round, first, sent, delayMs: chance.int(0, MOMENT_MS) });
    await server.start();
    there = new Set((await everyJob(hive)).keys());
    broken.push(...wrongIn(sent, there).map((what) => `round ${round}: ${what}`));
    if (sent.slice(before).every(({ acknowledged }) => acknowledged))
      broken.push(`the run proves little: in round ${round} every request had its answer`);
  }
  const known = jobsOf(sent, true);
  const one = chance.some(known);
  if (one !== undefined && JSON.stringify((await hive.get(one)).metadata) !== JSON.stringify({ id: one }))
    broken.push(`I1: ${one} is not what was sent`);
  const lost = known.filter((id) => !there.has(id)).length;
  const unknown = jobsOf(sent, false).length;
  const figures = { kills: rounds, acknowledged: known.length, "without an answer": unknown, jobs: there.size, lost };
  return { figures, broken };
}

/** What must not be: a job that is gone, a batch in part, a job of nobody. */
function wrongIn(sent: readonly Sent[], there: ReadonlySet<string>): readonly string[] {
  const gone = jobsOf(sent, true).filter((id) => !there.has(id));
  const torn = sent.filter(({ ids }) => ids.some((id) => there.has(id)) && !ids.every((id) => there.has(id)));
  const asked = new Set(sent.flatMap(({ ids }) => ids));
  const strange = [...there].filter((id) => !asked.has(id));
  return [
    ...(gone.length > 0 ? [`I1: ${gone.length} acknowledged jobs are gone, the first is ${gone[0]}`] : []),
    ...(torn.length > 0 ? [`I1: ${torn.length} batches are there in part, one with ${torn[0]?.ids[0]}`] : []),
    ...strange.map((id) => `I2: ${id} is there and nobody asked for it`),
  ];
}

function jobsOf(sent: readonly Sent[], acknowledged: boolean): readonly string[] {
  return sent.filter((request) => request.acknowledged === acknowledged).flatMap(({ ids }) => ids);
}

async function killWhileSending(options: {
  readonly replicas: Replicas;
  readonly round: number;
  readonly first: number;
  readonly sent: Sent[];
  readonly delayMs: number;
}): Promise<void> {
  const { replicas, round, first, sent, delayMs } = options;
  const hasty = replicas.hive(0);
  const from = sent.length;
  let dead = false;
  let count = 0;
  const send = async (size: number): Promise<void> => {
    while (!dead) {
      const ids = Array.from({ length: size }, () => `bulk-${round}-${(count += 1)}`);
      const request: Sent = { ids, acknowledged: false };
      sent.push(request);
      request.acknowledged = await hasty.api.call(endpoints.createJobs, { body: { jobs: ids.map(jobOf) } }).then(
        ({ jobs }) => jobs.length === size,
        () => false,
      );
    }
  };
  const sending = [
    ...Array.from({ length: SINGLES }, () => send(1)),
    ...Array.from({ length: BATCHES }, () => send(BATCH)),
  ];
  try {
    await until("jobs to be acknowledged", () => jobsOf(sent.slice(from), true).length >= first);
    await pause(machineClock, delayMs);
    await replicas.servers[0].crash();
  } finally {
    dead = true;
    await Promise.all(sending);
  }
}

function jobOf(id: string): NewJobRequest {
  return { jobId: id, repo: "https://example.com/acme/app", task: "script", script: "true", metadata: { id } };
}
