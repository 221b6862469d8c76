/**
 * The dispatcher dies in the middle of thousands of requests, five times over: whatever it had acknowledged is there
 * when it comes back, and of a batch either every job or none.
 */
import { endpoints } from "@hive/protocol";
import { createHive, type HiveClient, type NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { dice } from "../sim/dice.ts";

const ROUNDS = 5;
/** Requests under way at once: single jobs, and batches. */
const SINGLES = 100;
const BATCHES = 40;
const BATCH = 50;
/** Jobs of a round that must be acknowledged before the kill may come. */
const FIRST = 1_000;
const SEED = 1;

let server: HiveProcess;
beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "0" } });
});
afterAll(() => server?.dispose());

/** Jobs sent in one request, and whether they were acknowledged. */
interface Sent {
  readonly ids: readonly string[];
  acknowledged: boolean;
}

test(`killed ${ROUNDS} times with thousands of requests under way, it lost nothing it had acknowledged`, async () => {
  const chance = dice(SEED, "power");
  const sent: Sent[] = [];
  const figures: string[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const before = sent.length;
    await killWhileSending(round, sent, chance.int(0, 400));
    await server.start();
    const there = await listAll(server.hive);
    const acknowledged = sent.filter((request) => request.acknowledged).flatMap(({ ids }) => ids);
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    // A request without an answer was taken whole or not at all.
    const torn = sent.filter(({ ids }) => ids.some((id) => there.has(id)) && !ids.every((id) => there.has(id)));
    expect(torn).toEqual([]);
    const unknown = sent.slice(before).filter((request) => !request.acknowledged);
    expect(unknown.length).toBeGreaterThan(0);
    const known = new Set(sent.flatMap(({ ids }) => ids));
    expect([...there].filter((id) => !known.has(id))).toEqual([]);
    const open = unknown.reduce((sum, { ids }) => sum + ids.length, 0);
    figures.push(`${acknowledged.length} acknowledged, ${open} without an answer, ${there.size} there, lost 0`);
    const one = chance.some(acknowledged) ?? "";
    expect((await server.hive.get(one)).metadata).toEqual({ id: one });
  }
  console.log(`power: ${figures.join("; ")}; seed ${SEED}`);
});

async function killWhileSending(round: number, sent: Sent[], delayMs: number): Promise<void> {
  const hive = createHive({ url: server.url, token: server.token, retries: 0 });
  const from = sent.length;
  let dead = false;
  let count = 0;
  const send = async (size: number): Promise<void> => {
    while (!dead) {
      const ids = Array.from({ length: size }, () => `power-${round}-${(count += 1)}`);
      const request: Sent = { ids, acknowledged: false };
      sent.push(request);
      const call = hive.api.call(endpoints.createJobs, { body: { jobs: ids.map(jobOf) } });
      const replies = await call.then(
        ({ jobs }) => jobs,
        () => [],
      );
      request.acknowledged = replies.length === size;
    }
  };
  const senders = [
    ...Array.from({ length: SINGLES }, () => send(1)),
    ...Array.from({ length: BATCHES }, () => send(BATCH)),
  ];
  const taken = (): number =>
    sent.slice(from).reduce((sum, { ids, acknowledged }) => sum + (acknowledged ? ids.length : 0), 0);
  try {
    await until(`${FIRST} jobs to be acknowledged`, () => taken() >= FIRST);
    await new Promise((resolve) => {
      setTimeout(resolve, delayMs);
    });
    await server.crash();
  } finally {
    dead = true;
    await Promise.all(senders);
  }
}

function jobOf(id: string): NewJobRequest {
  return { jobId: id, repo: "https://example.com/acme/app", task: "script", script: "true", metadata: { id } };
}

async function listAll(hive: HiveClient): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await hive.list({ order: "oldest", limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { jobId } of page.jobs) ids.add(jobId);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return ids;
}
