/**
 * F18: many clients send the same request at the same moment through a network that carries it and loses the answer.
 * Each goes on until it hears one. Half of the requests carry a `jobId`, half an `Idempotency-Key`: one job each, and
 * everybody is told the same id.
 */
import { ApiError, endpoints } from "@hive/protocol";
import { createHive, type HiveClient, type NewJobRequest } from "@hive/sdk";
import { startTcpProxy } from "../../peers/tcp-proxy.ts";
import { dice } from "../../sim/dice.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const postRaces: Scenario = {
  id: "F18",
  title: "many that send one request at once, and lose the answers, make one job and hear one id",
  stores: ["sqlite", "redis"],
  run,
};

const PLAN = { quick: { keys: 20, parallel: 15 }, full: { keys: 100, parallel: 50 } };
/** The share of the answers that are lost, and of the requests that are cut before their end. */
const LOST = 0.4;
const CUT = 0.2;
const TRIES = 60;

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { keys, parallel } = sized(size, PLAN);
  await using replicas = await startReplicas({ store, count: store === "redis" ? 2 : 1 });
  const chance = dice(seed, "F18");
  // On Redis through one that stands by, too.
  const proxies = await Promise.all(replicas.servers.map(({ port }) => startTcpProxy({ to: port })));
  await using rooms = new AsyncDisposableStack();
  for (const proxy of proxies) rooms.defer(() => proxy.dispose());
  for (const proxy of proxies) {
    proxy.cutAnswers(() => chance.chance(LOST));
    proxy.cutAfter(() => (chance.chance(CUT) ? chance.int(0, 600) : Number.MAX_SAFE_INTEGER), "requests");
  }
  const clients = proxies.map(({ port }) =>
    createHive({ url: `http://127.0.0.1:${port}`, token: replicas.token, retries: 0 }),
  );
  let sent = 0;
  const heard = new Map<number, Set<string>>();
  const broken: string[] = [];

  async function post(key: number, client: HiveClient): Promise<void> {
    const ids = heard.get(key) ?? new Set<string>();
    heard.set(key, ids);
    for (let tries = 0; tries < TRIES; tries += 1) {
      sent += 1;
      try {
        ids.add(await once(client, key));
        return;
      } catch (error) {
        if (error instanceof ApiError && !error.retry) {
          broken.push(`request ${key} was answered with ${error.code}`);
          return;
        }
      }
    }
    broken.push(`request ${key} had no answer in ${TRIES} tries`);
  }

  const races = Array.from({ length: parallel }, (_, n) => clients.slice(n % clients.length, (n % clients.length) + 1));
  await Promise.all(races.flat().flatMap((client) => Array.from({ length: keys }, (_, key) => post(key, client))));
  const clean = createHive({ url: replicas.urls[0], token: replicas.token });
  const there = (await clean.list({ limit: 1_000 })).jobs;
  for (const [key, ids] of heard) {
    if (ids.size !== 1) broken.push(`I2: request ${key} was told of the jobs ${[...ids].join(" and ")}`);
  }
  if (there.length !== keys) broken.push(`I2: ${there.length} jobs were made by ${keys} requests`);
  const known = new Set([...heard.values()].flatMap((ids) => [...ids]));
  for (const id of known) if (!there.some(({ jobId }) => jobId === id)) broken.push(`I1: ${id} does not exist`);
  const lost = proxies.reduce((sum, { counts }) => sum + counts.answersCut, 0);
  const cut = proxies.reduce((sum, { counts }) => sum + counts.cutMidway, 0);
  if (lost < keys || cut < keys / 2) broken.push(`the run proves little: ${lost} answers lost, ${cut} requests cut`);
  const figures = { requests: keys, "sent by": parallel, posts: sent, "answers lost": lost, "requests cut": cut };
  return { figures: { ...figures, jobs: there.length, doubled: there.length - keys }, broken };
}

/** Sends it and answers the id of its job. */
async function once(client: HiveClient, key: number): Promise<string> {
  const job: NewJobRequest = {
    repo: "https://example.com/acme/app",
    task: "script",
    script: `echo ${key}`,
    metadata: { key },
  };
  if (key % 2 === 0) {
    return (await client.api.call(endpoints.enqueue, { body: { ...job, jobId: `race-${key}` } })).jobId;
  }
  const headers = { "idempotency-key": `race-key-${key}` };
  return (await client.api.call(endpoints.enqueue, { body: job }, { headers })).jobId;
}
