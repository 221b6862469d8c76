import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plainEnvironment } from "../../e2e/hive-process.ts";
import { startRedis } from "../../peers/redis/redis-server.ts";
import { dice } from "../../sim/dice.ts";
import { openPowerDisk, type PowerDisk } from "./power-disk.ts";

let folder: string;
let disk: PowerDisk;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hive-power-disk-"));
  writeFileSync(join(folder, "old"), "as it was");
  disk = openPowerDisk(folder);
});
afterEach(() => {
  disk[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** Runs a program on the disk that ends by killing itself. */
function run(script: string): string {
  const program = `const fs = require("node:fs"); const at = (name) => ${JSON.stringify(folder)} + "/" + name;
${script}
process.kill(process.pid, "SIGKILL");`;
  const ran = spawnSync(process.execPath, ["-e", program], { env: plainEnvironment(disk.env), encoding: "utf8" });
  expect(ran.signal, ran.stderr).toBe("SIGKILL");
  return ran.stdout;
}
const content = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("a disk whose power is cut", () => {
  it("keeps what was synced and loses what was not", () => {
    run(`const file = fs.openSync(at("a"), "w");
      fs.writeSync(file, "synced,"); fs.fdatasyncSync(file); fs.writeSync(file, "not synced");
      fs.writeFileSync(at("never"), "synced"); fs.appendFileSync(at("old"), " and more");`);
    const figures = disk.cut({ kept: "nothing", dice: dice(1, "") });
    expect([content("a"), content("never"), content("old")]).toEqual(["synced,", "", "as it was"]);
    expect(figures).toMatchObject({ files: 3, lost: figures.unsynced });
  });

  it("has the old bytes again where an overwriting was not synced, and follows renames and removals", () => {
    run(`const file = fs.openSync(at("old"), "r+"); fs.writeSync(file, "XX", 3); fs.ftruncateSync(file, 6);
      const next = fs.openSync(at("next"), "w"); fs.writeSync(next, "whole"); fs.fsyncSync(next);
      fs.renameSync(at("next"), at("now")); fs.writeFileSync(at("gone"), "x"); fs.unlinkSync(at("gone"));`);
    disk.cut({ kept: "nothing", dice: dice(1, "") });
    expect([content("old"), content("now")]).toEqual(["as it was", "whole"]);
    expect(existsSync(join(folder, "gone"))).toBe(false);
    // The next life begins with what this one left.
    run(`const file = fs.openSync(at("now"), "a"); fs.writeSync(file, ", and more"); fs.fsyncSync(file);
      fs.writeSync(file, ", lost");`);
    disk.cut({ kept: "nothing", dice: dice(1, "") });
    expect(content("now")).toBe("whole, and more");
  });

  it("may keep the first part of what was not synced, or any sectors of it", () => {
    const write = (name: string): string => `const file = fs.openSync(at("${name}"), "w");
      for (let n = 0; n < 20; n += 1) fs.writeSync(file, String.fromCharCode(97 + n).repeat(512));`;
    const letters = Array.from({ length: 20 }, (_, n) => String.fromCharCode(97 + n).repeat(512)).join("");
    run(write("a"));
    disk.cut({ kept: "first", dice: dice(3, "") });
    const first = content("a");
    expect(letters.startsWith(first)).toBe(true);
    expect(first.length).toBeGreaterThan(0);
    run(write("b"));
    disk.cut({ kept: "any", dice: dice(3, "") });
    const sectors = content("b").match(/.{512}/gs) ?? [];
    expect(sectors.every((sector, n) => sector === letters.slice(n * 512, (n + 1) * 512) || /^\0*$/.test(sector))).toBe(
      true,
    );
    expect(new Set(sectors).size).toBeGreaterThan(3);
  });

  it("records a Redis too, and the loss of what it had not synced", async () => {
    const redis = await startRedis({ folder, env: disk.env, appendfsync: "no" });
    const socket = connect(redis.port, "127.0.0.1");
    try {
      socket.write("SET key value\r\n");
      expect(String((await once(socket, "data"))[0])).toBe("+OK\r\n");
      await redis.crash();
      expect(disk.cut({ kept: "nothing", dice: dice(1, "") }).lost).toBeGreaterThan(0);
      await redis.start();
    } finally {
      socket.destroy();
      await redis.dispose();
    }
  });

  it("tells SQLite's FULL from its NORMAL, and an honest disk from one that lies", async () => {
    const rowsAfter = async (synchronous: string, lies?: RegExp): Promise<readonly [number, number]> => {
      const path = join(folder, `${synchronous}${lies === undefined ? "" : "-lies"}.db`);
      const script = `const { DatabaseSync } = require("node:sqlite");
        const database = new DatabaseSync(${JSON.stringify(path)});
        database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; CREATE TABLE t (n)");
        const insert = database.prepare("INSERT INTO t VALUES (?)");
        for (let n = 1; n <= 200; n += 1) { insert.run(n); process.stdout.write(n + "\\n"); }
        setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ["-e", script], { env: plainEnvironment(disk.env) });
      let said = 0;
      child.stdout.on("data", (text: Buffer) => {
        said = Number(text.toString().trim().split("\n").at(-1));
        if (said >= 150) child.kill("SIGKILL");
      });
      await once(child, "close");
      disk.cut({ kept: "any", dice: dice(1, ""), ...(lies === undefined ? {} : { lies }) });
      using database = new DatabaseSync(path);
      const exists = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 't'").get() !== undefined;
      const rows = exists ? Number(database.prepare("SELECT count(*) AS rows FROM t").get()?.["rows"]) : 0;
      return [said, rows];
    };
    const [said, kept] = await rowsAfter("FULL");
    expect(kept).toBeGreaterThanOrEqual(said);
    const [promised, left] = await rowsAfter("NORMAL");
    expect(left).toBeLessThan(promised);
    const [believed, there] = await rowsAfter("FULL", /-wal$/);
    expect(there).toBeLessThan(believed);
  });
});
