import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "./config.ts";
import { createLog } from "./log.ts";
import { chooseStorage, type Storage } from "./storage.ts";
import { leadershipOf } from "./store/redis/redis.fixture.ts";

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "hive-storage-"));
});
afterEach(() => rmSync(data, { recursive: true }));

function choose(env: Record<string, string>): Storage {
  return chooseStorage(loadConfig({ HIVE_DATA: data, ...env }), createLog("off"));
}
const nameOf = (storage: Storage): string => storage.openStore(leadershipOf("http://one.example", () => 0)).name;

describe("where things are kept", () => {
  it("is SQLite unless the settings say otherwise, and nothing of it is lost", () => {
    const storage = choose({});
    expect([nameOf(storage), storage.warnings()]).toEqual(["sqlite", []]);
  });

  it("is memory when that is asked for, which is said", () => {
    const storage = choose({ HIVE_STORE: "memory" });
    expect(nameOf(storage)).toBe("memory");
    expect(storage.warnings()).toEqual([expect.stringContaining("every job is lost")]);
  });

  it("is Redis for an address, with smaller files, and connects to nothing before it is used", () => {
    const storage = choose({ HIVE_STORE: "redis://127.0.0.1:1", HIVE_REDIS_ARTIFACT_BYTES: "1000" });
    expect(nameOf(storage)).toBe("redis");
    expect(storage.limits.artifactBytes).toBe(1000);
    storage.close();
  });
});
