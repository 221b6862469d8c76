import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { COLLECTIONS, DEFAULT_RULES, docKey, type Document, MARKS, numberId } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { type BackupLine, writeBackup } from "@hive/protocol/backup-file";
import { afterEach, describe, expect, it } from "vitest";
import { openFileLogs } from "../logs/files/file-logs.ts";
import { Committer } from "../queue/committer.ts";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore, type MemoryFaults } from "../store/memory/memory-store.ts";
import { createBackups } from "./backups.ts";
import { copyAll } from "./copy.ts";
import { openPacked } from "./open-packed.ts";
import { restore, StoreNotEmpty } from "./restore.ts";

const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };
const rules = { ...DEFAULT_RULES, leaseMs: 30_000 };
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** One life of a server: a queue over a content in memory, logs in a folder. */
async function life(content = new MemoryContent(), faults: MemoryFaults = {}) {
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
  cleanUps.push(async () => {
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
async function restoreInto(bytes: Uint8Array, content: MemoryContent, options: { replace?: boolean } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "hive-restore-"));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
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

async function all<T>(stream: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 10_000) yield bytes.subarray(from, from + 10_000);
}

/** What the documents of a backup come to, the last word on each. */
async function documentsOf(lines: AsyncIterable<BackupLine>): Promise<Map<string, Document>> {
  const documents = new Map<string, Document>();
  for await (const line of lines) {
    if (line.kind !== "document") continue;
    if (line.doc === null) documents.delete(docKey(line));
    else documents.set(docKey(line), line.doc);
  }
  return documents;
}

describe("a backup of a running server", () => {
  it("is what the store was at one moment, whatever happens while it is made", async () => {
    const hive = await life();
    for (let n = 0; n < 20; n += 1) await hive.enqueue(...Array.from({ length: 60 }, (_, m) => `job-${n}-${m}`));
    const documents = new Map<string, Document>();
    let seen = 0;
    let made = 0;
    for await (const line of copyAll(hive)) {
      if (line.kind !== "document") continue;
      if (line.doc === null) documents.delete(docKey(line));
      else documents.set(docKey(line), line.doc);
      seen += 1;
      if (seen % 50 !== 0 || made > 60) continue;
      // Some of what is changed was copied already, some was not, some is new.
      await hive.cancel(`job-${made % 20}-${Math.floor(made / 2)}`);
      await hive.enqueue(`new-${made}`);
      if (made % 3 === 0) {
        const events = await hive.queue.documents.list({ collection: "events", limit: 1 });
        const keys = events.items.map(({ id }) => ({ collection: "events", id }));
        await hive.queue.submit<"prune">({ type: "prune", keys, cleared: [] });
      }
      made += 1;
    }
    expect(made).toBeGreaterThan(30);

    const of = (collection: string) =>
      [...documents].filter(([key]) => key.startsWith(`${collection}/`)).map(([, doc]) => doc);
    // Every event from the first that is kept up to the last, and each job stands where its last event says.
    const events = of("events").sort((a, b) => Number(a["n"]) - Number(b["n"]));
    const numbers = events.map((event) => Number(event["n"]));
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => (numbers[0] ?? 0) + n));
    expect(documents.get(docKey(MARKS.events))).toEqual({ upTo: (numbers[0] ?? 0) - 1 });
    const last = new Map(events.map((event) => [String(event["jobId"]), event["type"]]));
    for (const job of of("jobs")) {
      expect(documents.has(`bodies/${String(job["id"])}`)).toBe(true);
      const type = last.get(String(job["id"]));
      if (type !== undefined) expect(type).toBe(`job.${String(job["status"])}`);
    }
    expect(of("bodies")).toHaveLength(of("jobs").length);
    // And it is not an old moment: what was done before the pages were through is in it.
    expect(Math.max(...numbers)).toBeGreaterThan(1_200);
  });

  it("waits for a commit that its pages may have seen and nobody has heard of yet", async () => {
    let open = (): void => {};
    const held = { on: false };
    const afterCommit = (): Promise<void> => (held.on ? new Promise((resolve) => (open = resolve)) : Promise.resolve());
    const hive = await life(new MemoryContent(), { afterCommit });
    await hive.enqueue("a");
    const copying = copyAll(hive);
    // The page of jobs was read without it.
    const first = await copying.next();
    expect(first.value).toMatchObject({ collection: "jobs", id: "a" });
    held.on = true;
    const reply = hive.enqueue("b");
    await settle();
    // It landed, and its answer is on its way: the next pages show it, the queue does not know it.
    let over = false;
    const copied = documentsOf(copying).finally(() => (over = true));
    for (let turns = 0; turns < 50; turns += 1) await settle();
    expect(over).toBe(false);
    held.on = false;
    open();
    await reply;
    const keys = [...(await copied).keys()];
    expect(keys).toEqual(expect.arrayContaining(["jobs/b", "bodies/b"]));
  });

  it("breaks off when the store is lost on the way, and is then refused as cut off", async () => {
    const fails = { on: false };
    const hive = await life(new MemoryContent(), {
      beforeCommit: () => {
        if (fails.on) throw new Error("the disk is full");
      },
    });
    await hive.enqueue(...Array.from({ length: 100 }, (_, n) => `job-${n}`));
    const copying = copyAll(hive);
    await copying.next();
    fails.on = true;
    await hive.enqueue("lost").catch(() => {});
    fails.on = false;
    await hive.clock.pass(10_000);
    expect(hive.queue.readiness().ready).toBe(true);
    await expect(documentsOf(copying)).rejects.toThrow("the store was lost while it was copied");
  });

  it("is made one at a time, and hanging up makes room for the next", async () => {
    const hive = await life();
    await hive.enqueue("a");
    const first = await hive.backups.open();
    await expect(hive.backups.open()).rejects.toThrow(expect.objectContaining({ code: "too_many_requests" }));
    first.destroy();
    await settle();
    await settle();
    expect((await hive.backup()).length).toBeGreaterThan(0);
    expect(hive.trouble).toEqual([]);
  });
});

/** A server with a job in each state, a running one with a log and a file among them. */
async function busyServer(): Promise<
  Life & { readonly lease: Life["lease"]; readonly old: { jobId: string; fence: number } }
> {
  const hive = await life();
  await hive.enqueue("runs", "waits", "over");
  const old = await hive.lease("w");
  expect(old).toEqual({ jobId: "runs", fence: 1 });
  await hive.cancel("over");
  await hive.logs.append({ ...old, offset: 0, bytes: Buffer.from("hello\n") });
  const report = Buffer.from("all is well");
  const sha256 = createHash("sha256").update(report).digest("hex");
  await hive.artifacts.putArtifact({ ...old, name: "report.md", stream: pieces(report), sha256 });
  return { ...hive, old };
}

describe("a restored store", () => {
  it("has every document, log and file, and the job that ran is queued again, uncounted", async () => {
    const hive = await busyServer();
    const content = new MemoryContent();
    const { restored, folder } = await restoreInto(await hive.backup(), content);
    expect(restored).toMatchObject({ interrupted: 1, logs: 1, files: 1, skipped: [], header: { version: "1.2.3" } });

    const next = await life(content);
    expect(await next.get("jobs", "waits")).toEqual(await hive.get("jobs", "waits"));
    expect(await next.get("jobs", "over")).toEqual(await hive.get("jobs", "over"));
    expect(await next.get("jobs", "runs")).toMatchObject({
      status: "queued",
      run: { lease: null, failures: 0, losses: 0, fence: 1 },
    });
    const { logs, artifacts } = openFileLogs({ folder });
    cleanUps.push(() => logs.close());
    expect(Buffer.concat(await all(logs.read({ jobId: "runs", fence: 1 }))).toString()).toBe("hello\n");
    const file = await artifacts.readArtifact({ jobId: "runs", fence: 1, name: "report.md" });
    expect(Buffer.concat(await all(file?.stream ?? [])).toString()).toBe("all is well");
  });

  it("gives no epoch, fence or event number that its other life may have given", async () => {
    const hive = await busyServer();
    const bytes = await hive.backup();
    // The first life goes on.
    const { epoch } = hive.queue.election();
    const content = new MemoryContent();
    await restoreInto(bytes, content);
    const next = await life(content);
    expect(next.queue.election().epoch).toBeGreaterThan(epoch + 1_000_000);
    await expect(
      next.queue.submit<"heartbeat">({ type: "heartbeat", lease: hive.old, phase: null, message: null, percent: null }),
    ).rejects.toThrow(expect.objectContaining({ code: "lease_lost" }));
    await next.enqueue("fresh");
    const leases = [await next.lease("w1"), await next.lease("w2"), await next.lease("w3")];
    for (const { fence } of leases) expect(fence).toBeGreaterThan(1_000_000);
    expect(leases.map(({ jobId }) => jobId).sort()).toEqual(["fresh", "runs", "waits"]);
    expect(next.queue.lastEvent()).toBeGreaterThan(1_000_000 + hive.queue.lastEvent());
    expect(await next.get("events", numberId(hive.queue.lastEvent() + 1))).toBeNull();
  });

  it("restored once more is above that life too", async () => {
    const hive = await busyServer();
    const bytes = await hive.backup();
    const content = new MemoryContent();
    await restoreInto(bytes, content);
    const second = await life(content);
    const lease = await second.lease("w");
    const [epoch, event] = [second.queue.election().epoch, second.queue.lastEvent()];
    await second.queue.stop();
    await restoreInto(bytes, content, { replace: true });
    const third = await life(content);
    expect((await third.lease("w")).fence).toBeGreaterThan(lease.fence + 900_000);
    expect(third.queue.election().epoch).toBeGreaterThan(epoch);
    expect(third.queue.lastEvent()).toBeGreaterThan(event);
  });
});

describe("a restore", () => {
  it("leaves a store that has jobs alone, unless it is told to replace them", async () => {
    const hive = await busyServer();
    const bytes = await hive.backup();
    const content = new MemoryContent();
    const other = await life(content);
    await other.enqueue("precious");
    await other.queue.stop();
    await expect(restoreInto(bytes, content)).rejects.toThrow(StoreNotEmpty);
    const still = await life(content);
    expect(await still.get("jobs", "precious")).toMatchObject({ status: "queued" });
    await still.queue.stop();
    await restoreInto(bytes, content, { replace: true });
    const next = await life(content);
    expect(await next.get("jobs", "precious")).toBeNull();
    expect(await next.get("jobs", "waits")).toMatchObject({ status: "queued" });
  });

  it("of a file that was cut touches nothing", async () => {
    const hive = await busyServer();
    const bytes = await hive.backup();
    const content = new MemoryContent();
    const other = await life(content);
    await other.enqueue("precious");
    await other.queue.stop();
    await expect(restoreInto(bytes.subarray(0, bytes.length - 9), content, { replace: true })).rejects.toThrow(
      "is cut off",
    );
    const still = await life(content);
    expect(await still.get("jobs", "precious")).toMatchObject({ status: "queued" });
  });

  it("that was cut short keeps every dispatcher away, and is run again without a word", async () => {
    const hive = await busyServer();
    const bytes = await hive.backup();
    const content = new MemoryContent();
    let commits = 0;
    const dying = restore({
      read: () => openPacked(pieces(bytes)),
      accept: () => {},
      open: async (minEpoch) => {
        const beforeCommit = (): void => {
          commits += 1;
          if (commits === 3) throw new Error("the power went");
        };
        const store = new MemoryStore({ content, faults: { beforeCommit } });
        return { store, election: await store.open(COLLECTIONS, minEpoch) };
      },
      openLogs: () => openFileLogs({ folder: hive.folder }),
      rules,
      clock: new HandClock(),
      replace: false,
    });
    await expect(dying).rejects.toThrow("the power went");
    await expect(life(content)).rejects.toThrow("half restored");
    // That dispatcher ended.
    content.holder = null;
    await restoreInto(bytes, content);
    const next = await life(content);
    expect(await next.get("jobs", "waits")).toMatchObject({ status: "queued" });
    expect(await next.get(MARKS.restoring.collection, MARKS.restoring.id)).toBeNull();
  });

  it("tells of a file that was damaged when it was copied, and takes the rest", async () => {
    const hive = await busyServer();
    const { lines, header } = await openPacked(pieces(await hive.backup()));
    let inFile = false;
    const damagedLines = (async function* damage() {
      for await (const line of lines) {
        if (line.kind === "file") inFile = true;
        yield line.kind === "end" && inFile ? { ...line, whole: false } : line;
      }
    })();
    const damaged = gzipSync((await all(writeBackup(header, damagedLines, createHash("sha256")))).join(""));
    const { restored } = await restoreInto(damaged, new MemoryContent());
    expect(restored.skipped).toEqual(["report.md of attempt 1 of job runs: it was damaged when it was copied"]);
  });
});
