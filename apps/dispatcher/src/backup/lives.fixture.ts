/** Lives of a server for the tests of backup and restore: a queue over a store in memory, logs in a folder. */

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COLLECTIONS, DEFAULT_RULES } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { openFileLogs } from "../logs/files/file-logs.ts";
import { Committer } from "../queue/committer.ts";
import { HandClock } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore, type MemoryFaults } from "../store/memory/memory-store.ts";
import { createBackups } from "./backups.ts";
import { openPacked } from "./open-packed.ts";
import { restore } from "./restore.ts";

const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };
export const rules = { ...DEFAULT_RULES, leaseMs: 30_000 };

const cleanUps: (() => Promise<void>)[] = [];

/** What is to be done when the test is over. */
export function later(cleanUp: () => Promise<void>): void {
  cleanUps.push(cleanUp);
}

/** For `afterEach`. */
export async function endLives(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
}

/** One life of a server: a queue over a content in memory, logs in a folder. */
export async function life(content = new MemoryContent(), faults: MemoryFaults = {}) {
  const clock = new HandClock();
  const queue = new Committer({
    openStore: () => new MemoryStore({ content, faults }),
    rules,
    clock,
    onTrouble: () => {},
  });
  await queue.start();
  const folder = await mkdtemp(join(tmpdir(), "hive-backup-"));
  const { logs, artifacts } = openFileLogs({ folder });
  later(async () => {
    await queue.stop();
    await logs.close();
    await rm(folder, { recursive: true, force: true });
  });
  const trouble: string[] = [];
  const backups = createBackups({
    ...{ queue, logs, artifacts, clock },
    version: "1.2.3",
    secretsId: "ours",
    onTrouble: (message) => trouble.push(message),
  });
  return {
    ...{ content, clock, queue, folder, logs, artifacts, backups, trouble },
    enqueue: (...ids: string[]) =>
      queue.submit<"enqueue">({
        type: "enqueue",
        jobs: ids.map((id) => newJob(id, { key: null })),
        idempotency: null,
      }),
    cancel: (jobId: string) => queue.submit<"cancel">({ type: "cancel", jobId, by: "me", reason: "test" }),
    async lease(workerId: string) {
      await queue.submit<"register">({ type: "register", workerId, registrationId: `r-${workerId}`, profile });
      const { grant } = await queue.submit<"claim">({ type: "claim", workerId, claimId: `c-${workerId}` });
      if (grant === null) throw new Error("nothing to do");
      const lease = { jobId: grant.job.id, fence: grant.lease.fence };
      await queue.submit<"heartbeat">({ type: "heartbeat", lease, phase: null, message: null, percent: null });
      return lease;
    },
    get: async (collection: string, id: string) => (await queue.documents.get([{ collection, id }]))[0] ?? null,
    backup: async () => Buffer.concat(await all(await backups.open())),
  };
}

type Life = Awaited<ReturnType<typeof life>>;

/** Restores into a content, with logs in a folder of its own. */
export async function restoreInto(bytes: Uint8Array, content: MemoryContent, options: { replace?: boolean } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "hive-restore-"));
  later(() => rm(folder, { recursive: true, force: true }));
  const restored = await restore({
    read: () => openPacked(pieces(bytes)),
    accept: () => {},
    open: async (minEpoch) => {
      const store = new MemoryStore({ content });
      return { store, election: await store.open(COLLECTIONS, minEpoch) };
    },
    openLogs: () => openFileLogs({ folder }),
    rules,
    clock: new HandClock(),
    replace: options.replace === true,
  });
  return { restored, folder };
}

/** Everything a stream gives. */
export async function all<T>(stream: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** Bytes as they come from a disk. */
export async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 10_000) yield bytes.subarray(from, from + 10_000);
}

/** A server with a job in each state, a running one with a log and a file among them. */
export async function busyServer(): Promise<
  Life & { readonly old: { readonly jobId: string; readonly fence: number } }
> {
  const hive = await life();
  await hive.enqueue("runs", "waits", "over");
  const old = await hive.lease("w");
  await hive.cancel("over");
  await hive.logs.append({ ...old, offset: 0, bytes: Buffer.from("hello\n") });
  const report = Buffer.from("all is well");
  const sha256 = createHash("sha256").update(report).digest("hex");
  await hive.artifacts.putArtifact({ ...old, name: "report.md", stream: pieces(report), sha256 });
  return { ...hive, old };
}
