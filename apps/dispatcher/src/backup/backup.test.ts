import { docKey, type Document, MARKS } from "@hive/core";
import type { BackupLine } from "@hive/protocol/backup-file";
import { afterEach, describe, expect, it } from "vitest";
import { settle } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { copyAll } from "./copy.ts";
import { endLives, life } from "./lives.fixture.ts";

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
