import { docKey, type Document, HiveError, MARKS } from "@hive/core";
import type { BackupLine } from "@hive/protocol/backup-file";
import { afterEach, describe, expect, it, vi } from "vitest";
import { settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { copyAll } from "./copy.ts";
import { all, busyServer, endLives, life } from "./lives.fixture.ts";

afterEach(endLives);

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

  it("keeps little of what changes meanwhile: it is written behind the page it fell into", async () => {
    const hive = await life();
    for (let n = 0; n < 4; n += 1) await hive.enqueue(...Array.from({ length: 500 }, (_, m) => `job-${n}-${m}`));
    const documents = new Map<string, Document>();
    let made = 0;
    // All that is changed comes to several times of what may wait.
    for await (const line of copyAll({ ...hive, waitingBytes: 60_000 })) {
      if (line.kind !== "document") continue;
      if (line.doc === null) documents.delete(docKey(line));
      else documents.set(docKey(line), line.doc);
      if (made < 200 && documents.size % 40 === 0) await hive.enqueue(`new-${(made += 1)}`);
    }
    expect(made).toBeGreaterThan(100);
    for (let n = 1; n <= made; n += 1) expect(documents.has(`jobs/new-${n}`)).toBe(documents.has(`bodies/new-${n}`));
  });

  it("is broken off when nobody takes it and the changes come to too much", async () => {
    const hive = await life();
    await hive.enqueue("a", "b");
    const copying = copyAll({ ...hive, waitingBytes: 10_000 });
    await copying.next();
    for (let n = 0; n < 30; n += 1) await hive.enqueue(`new-${n}`);
    await expect(documentsOf(copying)).rejects.toThrow("more than 10000 bytes changed");
  });

  it("that nobody takes anything of for five minutes makes room for another", async () => {
    const hive = await life();
    // More than fits between the server and whoever takes it.
    for (let n = 0; n < 4; n += 1) await hive.enqueue(...Array.from({ length: 500 }, (_, m) => `job-${n}-${m}`));
    await hive.backups.open();
    await expect(hive.backups.open()).rejects.toThrow(expect.objectContaining({ code: "too_many_requests" }));
    // Packing has threads of its own: it stalls when it does.
    const bytes = await vi.waitFor(async () => {
      await hive.clock.pass(301_000);
      return hive.backup();
    });
    expect(bytes.length).toBeGreaterThan(0);
    expect(hive.trouble).toEqual(["a backup broke off"]);
  });

  it("has logs of no job that it does not have", async () => {
    const hive = await life();
    await hive.enqueue("a");
    await hive.lease("w");
    const jobs = new Set<string>();
    const withLogs: string[] = [];
    for await (const line of copyAll(hive)) {
      if (line.kind === "log") withLogs.push(line.jobId);
      if (line.kind !== "document" || line.collection !== "jobs") continue;
      jobs.add(line.id);
      // Each is told of behind the next page, the last one after the moment that the copy shows.
      await hive.enqueue(`after-${line.id}`);
      const lease = await hive.lease(`w-${line.id}`);
      await hive.logs.append({ ...lease, offset: 0, bytes: Buffer.from("hello") });
    }
    expect(withLogs.length).toBeGreaterThan(10);
    expect([...jobs]).toEqual(expect.arrayContaining(withLogs));
  });

  it("breaks off when logs cannot be reached, and calls them damaged only when they are", async () => {
    const hive = await busyServer();
    const copyWith = async (error: Error) => {
      const read = async function* fails(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("hel");
        throw error;
      };
      return all(copyAll({ ...hive, logs: { fences: (jobId) => hive.logs.fences(jobId), read } }));
    };
    await expect(copyWith(new HiveError("not_ready", "Redis is away"))).rejects.toThrow("Redis is away");
    const lines = await copyWith(new Error("a checksum differs"));
    expect(lines).toContainEqual({ kind: "end", whole: false });
    expect(lines).toContainEqual(expect.objectContaining({ kind: "file", name: "report.md" }));
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
