/**
 * F11: the Redis with the jobs may take no more memory. Jobs that do not fit are refused with 503 and may come again;
 * those that were accepted stay, and go on being worked on once there is room. A Redis that would rather forget jobs than
 * refuse them is not taken at all.
 */
import { createHive } from "@hive/sdk";
import { RedisConnection } from "../../../apps/dispatcher/src/store/redis/connection.ts";
import { until } from "../../e2e/until.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

const SENDERS = 8;
const SCRIPT = `true ${"#".repeat(8_000)}`;

export const memoryFull: Scenario = {
  id: "F11",
  title: "a Redis without room refuses jobs and loses none; one that evicts is not taken",
  stores: ["redis"],
  async run({ size }: ScenarioOptions): Promise<ScenarioOutcome> {
    const broken = [...(await refusesEviction())];
    const refusals = sized(size, { quick: 20, full: 300 });
    const maxmemory = sized(size, { quick: "6mb", full: "16mb" });
    await using replicas = await startReplicas({ store: "redis", redis: { maxmemory } });
    const { figures, broken: more } = await fillUp(replicas, refusals);
    return { figures, broken: [...broken, ...more] };
  },
};

/** A Redis that evicts: the start says no, and what to set. */
async function refusesEviction(): Promise<readonly string[]> {
  try {
    await using replicas = await startReplicas({
      store: "redis",
      redis: { extra: ["--maxmemory-policy", "allkeys-lru"] },
    });
    return [`a Redis with allkeys-lru was taken by the dispatcher at ${replicas.urls[0]}`];
  } catch (error) {
    return /maxmemory-policy noeviction/.test(String(error))
      ? []
      : [`the refusal of allkeys-lru does not say what to set: ${String(error).slice(0, 500)}`];
  }
}

async function fillUp({ servers: [server], redis }: Replicas, refusals: number): Promise<ScenarioOutcome> {
  if (redis === null) throw new Error("this is about Redis");
  const broken: string[] = [];
  const accepted = new Set<string>();
  const refused: string[] = [];
  const over = new AbortController();
  const send = async (jobId: string): Promise<boolean> => {
    const body = JSON.stringify({ jobId, repo: "https://example.com/acme/app", task: "script", script: SCRIPT });
    const headers = { "content-type": "application/json" };
    const reply = await server.fetch("/enqueue", {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.timeout(60_000),
    });
    await reply.text();
    if (reply.status === 202) accepted.add(jobId);
    else refused.push(jobId);
    if (reply.status !== 202 && (reply.status !== 503 || Number(reply.headers.get("retry-after")) < 1))
      broken.push(`${jobId} was answered with ${reply.status}, Retry-After ${reply.headers.get("retry-after")}`);
    return reply.status === 202;
  };
  let next = 0;
  const sending = Array.from({ length: SENDERS }, async () => {
    while (!over.signal.aborted) {
      next += 1;
      await send(`memory-${next}`);
    }
  });
  try {
    await until("many requests to be refused", () => refused.length >= refusals, { limitMs: 120_000 });
  } finally {
    over.abort();
    await Promise.all(sending);
  }
  if (accepted.size === 0) broken.push("the run proves little: nothing was accepted before the memory was full");
  const pid = server.pid();
  const operator = new RedisConnection({ url: redis.url });
  try {
    await operator.command(["CONFIG", "SET", "maxmemory", "256mb"]);
  } finally {
    operator.close();
  }
  const isReady = async (): Promise<boolean> => (await fetch(`${server.url}/health/ready`)).status === 200;
  await until("the server to be ready", isReady, { more: () => server.printed().slice(-8_000) });
  if (server.pid() !== pid) broken.push("the dispatcher did not go on by itself");
  for (const id of refused.slice(0, 20)) if (!(await send(id))) broken.push(`${id} is still refused with room`);
  const hive = createHive({ url: server.url, token: server.token });
  let lost = 0;
  for (const id of accepted) {
    const job = await hive.get(id).catch(() => null);
    if (job?.status === "queued" && job.script === SCRIPT) continue;
    lost += 1;
    broken.push(`I1: ${id} was accepted and is not there as it was sent`);
  }
  return { figures: { accepted: accepted.size, refused: refused.length, lost }, broken };
}
