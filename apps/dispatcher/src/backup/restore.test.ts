import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { COLLECTIONS, MARKS, numberId } from "@hive/core";
import { writeBackup } from "@hive/protocol/backup-file";
import { afterEach, describe, expect, it } from "vitest";
import { openFileLogs } from "../logs/files/file-logs.ts";
import { HandClock } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { all, busyServer, endLives, later, life, pieces, restoreInto, rules } from "./lives.fixture.ts";
import { openPacked } from "./open-packed.ts";
import { restore, StoreNotEmpty } from "./restore.ts";

afterEach(endLives);

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
    later(() => logs.close());
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

  it("of a file with documents that this Hive does not know touches nothing", async () => {
    const hive = await busyServer();
    const { lines, header } = await openPacked(pieces(await hive.backup()));
    const newer = (async function* more() {
      yield* lines;
      yield { kind: "document", collection: "prophecies", id: "delphi", doc: { at: "03:00" } } as const;
    })();
    const bytes = gzipSync((await all(writeBackup(header, newer, createHash("sha256")))).join(""));
    const content = new MemoryContent();
    const other = await life(content);
    await other.enqueue("precious");
    await other.queue.stop();
    await expect(restoreInto(bytes, content, { replace: true })).rejects.toThrow("holds prophecies");
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
