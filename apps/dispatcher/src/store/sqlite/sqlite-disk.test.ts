/** What a disk does to a store: it is slow, it is full, it flips bits, it tears files. */

import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import type { Document } from "@hive/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreCorrupt, StoreFenced, StoreTooNew } from "../contract.ts";
import { SqliteStore } from "./sqlite-store.ts";

const COLLECTIONS = [{ name: "things", indexes: [{ name: "state", equals: ["state"], range: "n" }] }];
const MIB = 1024 * 1024;

describe("sqlite store and its disk", () => {
  let folder: string;
  let path: string;
  let store: SqliteStore;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "hive-sqlite-"));
    path = join(folder, "hive.db");
    store = new SqliteStore(path);
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const put = (id: string, doc: Document) => ({ collection: "things", id, doc });
  const keys = (id: string) => [{ collection: "things", id }];

  async function reopen(): Promise<SqliteStore> {
    await store.close();
    store = new SqliteStore(path);
    return store;
  }

  it("answers reads and keeps the event loop free while a commit waits for the disk", async () => {
    const election = await store.open(COLLECTIONS);
    await store.commit({ election, sequence: 1, changes: [put("a", { n: 1 })] });
    // A foreign transaction stands for the slow disk: the commit cannot go on before it ends.
    using foreign = new DatabaseSync(path);
    foreign.exec("BEGIN IMMEDIATE");
    let isDone = false;
    const slow = store.commit({ election, sequence: 2, changes: [put("a", { n: 2 })] }).then(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 50; turn += 1) {
      expect(await store.get(keys("a"))).toEqual([{ n: 1 }]);
      await setImmediate();
    }
    expect(isDone).toBe(false);
    foreign.exec("ROLLBACK");
    await slow;
    expect(await store.get(keys("a"))).toEqual([{ n: 2 }]);
  });

  it("writes nothing more under an election of which a commit failed", async () => {
    const election = await store.open(COLLECTIONS);
    {
      // A trigger stands for any failure in the middle of a commit.
      using foreign = new DatabaseSync(path);
      foreign.exec(
        "CREATE TRIGGER refuse BEFORE INSERT ON things WHEN new.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
      );
    }
    await expect(
      store.commit({ election, sequence: 1, changes: [put("a", { n: 1 }), put("bad", { n: 1 })] }),
    ).rejects.toThrow("no");
    for (const sequence of [1, 2]) {
      await expect(store.commit({ election, sequence, changes: [put("a", { n: 1 })] })).rejects.toThrow(StoreFenced);
    }
    expect(await store.get(keys("a"))).toEqual([null]);
    const next = await (await reopen()).open(COLLECTIONS);
    await store.commit({ election: next, sequence: 1, changes: [put("a", { n: 1 })] });
  });

  it("never shows a changed document, whichever bit of the file flips", async () => {
    const election = await store.open(COLLECTIONS);
    const documents = Array.from({ length: 300 }, (_, n) =>
      put(`id${n}`, { n, state: n % 2 === 0 ? "red" : "blue", text: `text ${n} `.repeat(10) }),
    );
    await store.commit({ election, sequence: 1, changes: documents });
    await store.close();
    const whole = await readFile(path);
    // Fixed places all over the file: the same bits every time.
    let isCaught = 0;
    for (let i = 0; i < 60; i += 1) {
      const bit = (i * 2_654_435_761 + 12_345) % (whole.length * 8);
      const flipped = Buffer.from(whole);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(path, flipped);
      const damaged = new SqliteStore(path);
      try {
        await damaged.open(COLLECTIONS);
        const found = await damaged.get(documents.map(({ collection, id }) => ({ collection, id })));
        expect(found).toEqual(documents.map(({ doc }) => doc));
        const listed = await damaged.list({
          collection: "things",
          index: "state",
          equals: { state: "red" },
          limit: 1000,
        });
        expect(listed.items).toHaveLength(150);
      } catch (error) {
        if (!(error instanceof StoreCorrupt)) throw error;
        isCaught += 1;
      } finally {
        await damaged.close();
      }
    }
    expect(isCaught).toBeGreaterThan(10);
  }, 60_000);

  it("says StoreCorrupt for a file that was cut, overwritten or is no database", async () => {
    await store.open(COLLECTIONS);
    await store.close();
    const { size } = await stat(path);
    const damages: (() => Promise<void>)[] = [
      () => truncate(path, size - 4096),
      () => truncate(path, 100),
      () => writeFile(path, "this is no database, but it is long enough to be mistaken for one. ".repeat(100)),
      async () => {
        await using file = await open(path, "r+");
        await file.write(Buffer.alloc(4096, 0xff), 0, 4096, 4096);
      },
    ];
    await cp(path, join(folder, "whole"));
    for (const damage of damages) {
      await cp(join(folder, "whole"), path);
      await damage();
      await expect(new SqliteStore(path).open(COLLECTIONS)).rejects.toThrow(StoreCorrupt);
    }
    await rm(path);
    using foreign = new DatabaseSync(path);
    foreign.exec("CREATE TABLE somebody_elses (x)");
    await expect(new SqliteStore(path).open(COLLECTIONS)).rejects.toThrow(/not a Hive store/);
  });

  it("keeps what was committed when the log of the killed process has a torn end", async () => {
    const election = await store.open(COLLECTIONS);
    for (let n = 1; n <= 20; n += 1) await store.commit({ election, sequence: n, changes: [put(`id${n}`, { n })] });
    // A copy of the files as they are is what a killed process leaves; then the last bytes of the log are lost.
    const torn = join(folder, "torn");
    await mkdir(torn);
    for (const file of ["hive.db", "hive.db-wal"]) await cp(join(folder, file), join(torn, file));
    const log = join(torn, "hive.db-wal");
    await truncate(log, (await stat(log)).size - 7);
    const after = new SqliteStore(join(torn, "hive.db"));
    try {
      await after.open(COLLECTIONS);
      const ids = (await after.list({ collection: "things" })).items.map(({ id }) => id);
      expect(ids.sort()).toEqual(Array.from({ length: 19 }, (_, i) => `id${i + 1}`).sort());
    } finally {
      await after.close();
    }
  });

  it("leaves a store of a newer Hive as it is", async () => {
    await store.open(COLLECTIONS);
    await store.close();
    {
      using newer = new DatabaseSync(path);
      newer.exec("UPDATE hive_meta SET format = 99");
    }
    await expect(new SqliteStore(path).open(COLLECTIONS)).rejects.toThrow(StoreTooNew);
    using after = new DatabaseSync(path);
    expect(after.prepare("SELECT epoch FROM hive_meta").get()).toEqual({ epoch: 1 });
  });

  it("finds every damaged document and index with verify", async () => {
    const election = await store.open(COLLECTIONS);
    await store.commit({
      election,
      sequence: 1,
      changes: [put("a", { n: 1, state: "red" }), put("b", { n: 2, state: "red" })],
    });
    expect(await store.verify()).toEqual([]);
    using foreign = new DatabaseSync(path);
    foreign.exec("UPDATE things SET e_state = '\"blue\"' WHERE id = 'a'");
    expect(await store.verify()).toEqual([expect.stringContaining("things/a")]);
    await expect(store.get(keys("a"))).rejects.toThrow(StoreCorrupt);
  });

  it("lets nobody else read the file", async () => {
    await store.open(COLLECTIONS);
    for (const name of ["hive.db", "hive.db-wal"]) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  // Mounting a small disk needs root; where tests must not skip anything (CI) its absence is a failure.
  const isSkipped = process.getuid?.() !== 0 && process.env["CI"] !== "true";
  it.skipIf(isSkipped)("rejects commits while the disk is full and goes on once it is not (needs root)", async () => {
    const disk = join(folder, "disk");
    await mkdir(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], { encoding: "utf8" });
    expect(mounted.status, mounted.stderr).toBe(0);
    let full = new SqliteStore(join(disk, "hive.db"));
    try {
      await writeFile(join(disk, "ballast"), Buffer.alloc(2 * MIB));
      let election = await full.open(COLLECTIONS);
      const acknowledged: string[] = [];
      let failure: unknown = null;
      for (let n = 1; failure === null && n < 1000; n += 1) {
        const id = `id${n}`;
        await full.commit({ election, sequence: n, changes: [put(id, { n, text: "x".repeat(20_000) })] }).then(
          () => acknowledged.push(id),
          (error: unknown) => {
            failure = error;
          },
        );
      }
      expect(String(failure)).toContain("is full");
      expect(acknowledged.length).toBeGreaterThan(5);
      // Reads go on.
      expect(await full.get([{ collection: "things", id: "id1" }])).not.toEqual([null]);
      await full.close().catch(() => {});
      await rm(join(disk, "ballast"));
      full = new SqliteStore(join(disk, "hive.db"));
      election = await full.open(COLLECTIONS);
      const found = await full.get(acknowledged.map((id) => ({ collection: "things", id })));
      expect(found.every((doc) => doc !== null)).toBe(true);
      await full.commit({ election, sequence: 1, changes: [put("after", { n: 0 })] });
      expect(await full.verify()).toEqual([]);
    } finally {
      await full.close().catch(() => {});
      spawnSync("umount", ["-l", disk]);
    }
  });
});
