/** What only shows between processes: the lock, and that a killed process loses nothing it acknowledged. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreInUse } from "../contract.ts";
import { SqliteStore } from "./sqlite-store.ts";

const PROGRAM = new URL("./sqlite-writer.fixture.ts", import.meta.url);
const COLLECTIONS = [{ name: "things", indexes: [{ name: "all", equals: [], range: "n" }] }];

describe("sqlite store between processes", () => {
  let folder: string;
  let path: string;
  const children: ChildProcessWithoutNullStreams[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "hive-sqlite-"));
    path = join(folder, "hive.db");
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    await rm(folder, { recursive: true });
  });

  function start(...more: string[]) {
    const child = spawn(process.execPath, [PROGRAM.pathname, path, ...more]);
    children.push(child);
    child.stderr.pipe(process.stderr);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  it("lets one process in and tells the next which one has it and how to go on", async () => {
    const { child, lines } = start();
    expect((await lines.next()).value).toBe("open");
    const second = new SqliteStore(path);
    const refused = await second.open(COLLECTIONS).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(StoreInUse);
    expect(String(refused)).toContain(`process ${child.pid}`);
    expect(String(refused)).toContain("sqlite-writer.fixture.ts");
    expect(String(refused)).toContain(`kill ${child.pid}`);
    expect(String(refused)).toContain("HIVE_DATA");
  });

  it("refuses a second process while this one has the store, and lets it in afterwards", async () => {
    const store = new SqliteStore(path);
    await store.open(COLLECTIONS);
    // A refused opening inside this process must not let go of the lock either.
    await expect(new SqliteStore(path).open(COLLECTIONS)).rejects.toThrow(StoreInUse);
    const refused = start();
    expect((await refused.lines.next()).value).toMatch(`StoreInUse: ${path} is in use by process ${process.pid}`);
    await store.close();
    expect((await start().lines.next()).value).toBe("open");
  });

  it("opens at once after a kill, with every acknowledged commit whole", async () => {
    let acknowledged = 0;
    for (let round = 0; round < 4; round += 1) {
      const { child, lines } = start("commit", String(acknowledged));
      expect((await lines.next()).value).toBe("open");
      const wanted = acknowledged + 40 * (round + 1);
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        acknowledged = Math.max(acknowledged, Number(line.value.split(" ")[1]));
        if (acknowledged === wanted) child.kill("SIGKILL");
      }
      await kill(child);

      const store = new SqliteStore(path);
      await store.open(COLLECTIONS);
      const found: number[] = [];
      for await (const page of store.load({ collection: "things", index: "all", equals: {} })) {
        found.push(...page.map(({ doc }) => Number(doc["n"])));
      }
      // The one commit that was under way may have landed; it is whole then.
      const last = found.at(-1) ?? 0;
      expect([acknowledged, acknowledged + 1]).toContain(last);
      expect(found).toEqual(Array.from({ length: 2 * last }, (_, i) => Math.floor(i / 2) + 1));
      expect(await store.verify()).toEqual([]);
      await store.close();
      acknowledged = last;
    }
  }, 60_000);
});
