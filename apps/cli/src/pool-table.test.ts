import type { Pool } from "@hive/sdk";
import { expect, test } from "vitest";
import { poolTable } from "./pool-table.ts";

const POOL: Pool = {
  name: "default",
  provider: "docker",
  isolation: "container",
  image: "hive-worker",
  imageDigest: null,
  roles: [],
  labels: [],
  agents: null,
  min: 0,
  max: 10,
  warm: 1,
  cpus: null,
  memoryBytes: null,
  diskBytes: null,
  pids: null,
  timeoutMs: null,
  hours: [],
  paused: false,
  egress: null,
  state: "ok",
  message: "ok",
  runnable: 2,
  desired: 4,
  workers: { starting: 1, idle: 1, busy: 2, draining: 0 },
  failures: 0,
  lastError: null,
  nextTryAt: null,
};

test("pools are a table, and what is in the way of one is said in words that cannot steer a terminal", () => {
  const message = "image missing: there is no image big:3 \u001b[2J";
  expect(poolTable([POOL, { ...POOL, name: "big", state: "image_missing", message }]).split("\n")).toEqual([
    "POOL     WHERE   WANTED  SIZE     STARTING  IDLE  BUSY  LEAVING  STATE",
    "default  docker  4       0 to 10  1         1     2     0        ok",
    "big      docker  4       0 to 10  1         1     2     0        image missing",
    "big: image missing: there is no image big:3 ",
  ]);
});

test("a server that starts no workers says so", () => {
  expect(poolTable([])).toBe("This server starts no workers itself (HIVE_WORKERS is 0).");
});
