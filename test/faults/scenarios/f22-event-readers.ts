/**
 * F22: far more readers of the event stream than a server takes, and half of those it took never read a byte. What it
 * keeps for them is bounded: those who do not read are cut off, those who do miss nothing, and the work goes on.
 */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { endpoints, serverEvents } from "@hive/protocol";
import { createHive, type HiveClient } from "@hive/sdk";
import { until } from "../../e2e/until.ts";
import { takeLease } from "../hand-worker.ts";
import { memoryMb } from "../process-figures.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const eventReaders: Scenario = {
  id: "F22",
  title: "readers of the event stream that never read are cut off and cost bounded memory; the others miss nothing",
  stores: ["sqlite", "redis"],
  quickStores: ["redis"],
  run,
};

const PLAN = {
  quick: { readers: 60, deaf: 30, megabytes: 8 },
  full: { readers: 500, deaf: 100, megabytes: 24 },
};
/** What the server may keep for one reader, see `MAX_BEHIND`, in the kernel's hands too. */
const PER_READER_MB = 3;
/** The server's own: code, caches, the events themselves. */
const OWN_MB = 500;
/** Of one event. */
const EVENT_BYTES = 16_000;

/** One reader and what it has seen. */
interface Reader {
  readonly request: ClientRequest;
  response: IncomingMessage | null;
  status: number;
  /** Ids of the events, in order. */
  readonly seen: number[];
  over: boolean;
}

async function run({ size, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { readers: wanted, deaf, megabytes } = sized(size, PLAN);
  await using replicas = await startReplicas({ store, count: 1, env: { HIVE_LEASE_MS: "60000" } });
  const hive = createHive({ url: replicas.urls[0], token: replicas.token });
  const { jobId } = await hive.enqueue({ repo: "https://example.com/acme/app", task: "script", script: "true" });
  const tell = await begin(replicas);
  const before = memoryMb(replicas.servers[0].pid());
  const readers: Reader[] = [];
  try {
    for (let n = 0; n < wanted; n += 1) readers.push(open(replicas, n < deaf));
    await until("every reader to be answered", () => readers.every(({ status }) => status !== 0));
    const taken = readers.filter(({ status }) => status === 200);
    const refused = readers.length - taken.length;
    // Each event is sent to each reader.
    const events = Math.ceil((megabytes * 1_000_000) / EVENT_BYTES);
    let most = before;
    for (let n = 0; n < events; n += PER_CALL) {
      await tell(Math.min(PER_CALL, events - n));
      most = Math.max(most, memoryMb(replicas.servers[0].pid()));
    }
    const last = await lastEvent(hive, jobId);
    const listening = readers.slice(deaf).filter(({ status }) => status === 200);
    const isHeard = (): boolean => listening.every(({ seen, over }) => over || seen.at(-1) === last);
    await until("everybody who reads to have all", isHeard).catch(() => undefined);
    // One that does not read does not hear either that it was cut off.
    const deafOnes = readers.slice(0, deaf);
    for (const reader of deafOnes) reader.response?.resume();
    const areCut = (): boolean => deafOnes.every(({ over }) => over);
    await until("those who never read to be cut off", areCut, { limitMs: 10_000 }).catch(() => undefined);
    const cut = deafOnes.filter(({ over }) => over).length;
    const broken = readers.slice(deaf).flatMap(({ status, seen, over }, n) => {
      if (status !== 200) return status === 429 ? [] : [`reader ${n} was refused with ${status}`];
      const gap = seen.findIndex((id, place) => place > 0 && id !== (seen[place - 1] ?? 0) + 1);
      if (gap !== -1) return [`reader ${n} got event ${seen[gap]} after ${seen[gap - 1]}`];
      return over || seen.at(-1) !== last ? [`reader ${n} has event ${seen.at(-1)}, the last is ${last}`] : [];
    });
    if (cut < deaf) broken.push(`${deaf - cut} of ${deaf} readers that never read were not cut off`);
    const bound = OWN_MB + PER_READER_MB * taken.length;
    if (most > bound) broken.push(`the server took ${most} MB, allowed are ${bound}`);
    const counts = { readers: wanted, taken: taken.length, "refused for now": refused, "never reading": deaf };
    return { figures: { ...counts, "cut off": cut, events, "MB before": before, "MB at most": most }, broken };
  } finally {
    for (const { request: open } of readers) open.destroy();
  }
}

/** Events in one call of the worker. */
const PER_CALL = 20;

/** Begins the only job and answers how to tell of it. */
async function begin(replicas: Replicas): Promise<(count: number) => Promise<void>> {
  const { client, lease } = await takeLease({ name: "teller", urls: replicas.urls, secret: replicas.secret });
  const { token } = lease;
  await client.call(endpoints.leaseHeartbeat, { body: { phase: "run" } }, { token });
  let from = 0;
  return async (count) => {
    const events = Array.from({ length: count }, () => ({ type: "message", text: "x".repeat(EVENT_BYTES) }));
    await client.call(endpoints.leaseEvents, { body: { from, events } }, { token });
    await client.call(endpoints.leaseHeartbeat, { body: { phase: "run" } }, { token });
    from += count;
  };
}

function open(replicas: Replicas, isDeaf: boolean): Reader {
  const headers = { authorization: `Bearer ${replicas.token}` };
  const reader: Reader = {
    request: request(`${replicas.urls[0]}/v1/events`, { headers, agent: false }),
    response: null,
    status: 0,
    seen: [],
    over: false,
  };
  const end = (): void => {
    reader.over = true;
    if (reader.status === 0) reader.status = -1;
  };
  reader.request.on("error", end);
  reader.request.on("response", (response: IncomingMessage) => {
    reader.response = response;
    reader.status = response.statusCode ?? -1;
    response.on("error", end);
    response.on("close", end);
    // One that never reads leaves all of it where it is.
    if (reader.status !== 200) response.resume();
    else if (!isDeaf) void read(response, reader).catch(end);
  });
  reader.request.end();
  return reader;
}

async function read(response: IncomingMessage, reader: Reader): Promise<void> {
  for await (const { id } of serverEvents(response)) {
    if (id !== null && id !== "") reader.seen.push(Number(id));
  }
}

/** The number of the last event of the only job. */
async function lastEvent(hive: HiveClient, jobId: string): Promise<number> {
  let last = 0;
  let cursor: string | undefined;
  do {
    const query = { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) };
    const { events, next } = await hive.api.call(endpoints.jobEvents, { params: { jobId }, query });
    last = events.at(-1)?.id ?? last;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return last;
}
