/**
 * F10: the disk with the jobs fills up while more come in. The server says so and asks to be tried again, loses nothing
 * it had accepted, and goes on by itself once there is space. A Redis that syncs always ends itself when it cannot
 * write; whatever restarts it on a real machine, here does so once there is space. The disk is a small one of this run's
 * own, which only root can mount.
 */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createHive } from "@hive/sdk";
import type { HiveProcess } from "../../e2e/hive-process.ts";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { until } from "../../e2e/until.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, type StoreKind } from "../scenario.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const SENDERS = 4;
/** Large enough that a full disk is met soon, in the middle of a commit. */
const SCRIPT = `true ${"#".repeat(8_000)}`;

export const diskFull: Scenario = {
  id: "F10",
  title: "a full disk is answered with 503 and Retry-After, nothing accepted is lost, and it goes on by itself",
  stores: ["sqlite", "redis"],
  needsRoot: true,
  async run({ size, store }: ScenarioOptions): Promise<ScenarioOutcome> {
    using place = temporaryFolder("full");
    using small = mountSmallDisk(join(place.path, "disk"));
    const data = join(small.path, "data");
    mkdirSync(data, { mode: 0o700 });
    const disk = store === "sqlite" ? { env: { HIVE_DATA: data } } : { redis: { folder: data } };
    await using replicas = await startReplicas({ store, ...disk });
    const full = {
      replicas,
      store,
      filler: join(small.path, "filler"),
      refusals: sized(size, { quick: 20, full: 200 }),
    };
    return await fillUp(full);
  },
};

/** What the requests of a run were answered. */
interface Answers {
  readonly accepted: Set<string>;
  /** Status and `Retry-After` of each refusal. */
  readonly refused: { readonly id: string; readonly status: number; readonly retryAfter: string | null }[];
}

interface Full {
  readonly replicas: Replicas;
  readonly store: StoreKind;
  readonly filler: string;
  /** Requests that must be refused before the space comes back. */
  readonly refusals: number;
}

async function fillUp({ replicas, store, filler, refusals }: Full): Promise<ScenarioOutcome> {
  const { redis, servers } = replicas;
  const [server] = servers;
  const answers: Answers = { accepted: new Set(), refused: [] };
  const broken: string[] = [];
  const over = new AbortController();
  let next = 0;
  const sending = Array.from({ length: SENDERS }, async () => {
    while (!over.signal.aborted) {
      next += 1;
      await send(server, `full-${next}`, answers);
    }
  });
  const pid = server.pid();
  const began = performance.now();
  try {
    await until("jobs to be accepted", () => answers.accepted.size >= 20);
    const notReady = await until("the server to say that it is not ready", async () => {
      fill(filler);
      const ready = await fetch(`${server.url}/health/ready`);
      await ready.body?.cancel();
      return ready.status === 200 ? null : ready;
    });
    broken.push(...notPatient("/health/ready", notReady.status, notReady.headers.get("retry-after")));
    const health = await fetch(`${server.url}/health`);
    if (health.status !== 200) broken.push(`/health answers ${health.status} while the disk is full`);
    await until("many requests to be refused", () => {
      fill(filler);
      return answers.refused.length >= refusals;
    });
  } finally {
    over.abort();
    await Promise.all(sending);
  }
  const fullMs = Math.round(performance.now() - began);
  for (const { id, status, retryAfter } of answers.refused) broken.push(...notPatient(id, status, retryAfter));

  rmSync(filler);
  if (redis !== null) {
    // It ended long ago; were it to live on, it would have acknowledged what it could not write.
    const ended = redis.ended().then(() => true);
    const isOver = await Promise.race([
      ended,
      pause(machineClock, 5_000, AbortSignal.timeout(6_000)).then(() => false),
    ]);
    if (isOver) await redis.start();
    else broken.push("Redis lives on a full disk although it cannot sync");
  }
  const isReady = async (): Promise<boolean> => (await fetch(`${server.url}/health/ready`)).status === 200;
  await until("the server to be ready", isReady, { more: () => server.printed().slice(-8_000) });
  // By itself, in the same process.
  if (server.pid() !== pid) broken.push("the dispatcher did not go on by itself");
  // Whoever was refused and asks again is heard, whatever became of the first try.
  const again: Answers = { accepted: answers.accepted, refused: [] };
  for (const { id } of answers.refused.slice(0, 40)) await send(server, id, again);
  for (const { id, status } of again.refused) broken.push(`${id} is still refused with ${status} on a disk with space`);
  const lost = await missing(server, answers.accepted);
  // And on the disk, not only in memory.
  await Promise.all([server.crash(), redis?.crash()]);
  await redis?.start();
  await server.start();
  for (const id of await missing(server, answers.accepted)) if (!lost.includes(id)) lost.push(id);
  broken.push(...lost.map((id) => `I1: ${id} was accepted on ${store} and is not there as it was sent`));
  const figures = { accepted: answers.accepted.size, refused: answers.refused.length, lost: lost.length };
  return { figures: { ...figures, "seconds without space": Math.round(fullMs / 1000) }, broken };
}

/** What is wrong with a refusal. */
function notPatient(what: string, status: number, retryAfter: string | null): readonly string[] {
  if (status === 503 && Number(retryAfter) >= 1) return [];
  return [`${what} was answered with ${status}, Retry-After ${retryAfter}, while the disk was full`];
}

async function send(server: HiveProcess, jobId: string, answers: Answers): Promise<void> {
  const body = JSON.stringify({ jobId, repo: "https://example.com/acme/app", task: "script", script: SCRIPT });
  const headers = { "content-type": "application/json" };
  const reply = await server.fetch("/enqueue", { method: "POST", headers, body, signal: AbortSignal.timeout(60_000) });
  await reply.text();
  if (reply.status === 202) answers.accepted.add(jobId);
  else answers.refused.push({ id: jobId, status: reply.status, retryAfter: reply.headers.get("retry-after") });
}

async function missing(server: HiveProcess, accepted: ReadonlySet<string>): Promise<string[]> {
  const hive = createHive({ url: server.url, token: server.token });
  const lost: string[] = [];
  for (const id of accepted) {
    const job = await hive.get(id).catch(() => null);
    if (job?.status !== "queued" || job.script !== SCRIPT) lost.push(id);
  }
  return lost;
}

/** @throws when this user may not mount */
function mountSmallDisk(path: string): Disposable & { readonly path: string } {
  mkdirSync(path);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", path]);
  // Lazily: whatever still has a file open there must not keep the machine's mounts.
  return { path, [Symbol.dispose]: () => void execFileSync("umount", ["-l", path]) };
}

/** Takes every byte that is left. */
function fill(path: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    for (const size of [65_536, 4_096, 1]) takeAll(file, Buffer.alloc(size));
  } finally {
    closeSync(file);
  }
}

function takeAll(file: number, piece: Buffer): void {
  try {
    while (writeSync(file, piece) === piece.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
