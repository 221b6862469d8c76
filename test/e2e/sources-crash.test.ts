/** Deliveries while the server and its intake are killed: what was acknowledged counts once, and nothing is lost. */
import { readdirSync, readFileSync } from "node:fs";
import type { GroupView } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { groupsOf, IDLE_JOB, jobsOf, untilGroups } from "./sources-hive.ts";
import { until } from "./until.ts";

const DELIVERIES = 40;
let server: HiveProcess;

beforeAll(async () => {
  server = await startHive({
    yaml: `sources:
  ci: { type: generic, auth: none, title: title, deliveryId: X-Id, job: ${IDLE_JOB} }
`,
    env: { HIVE_WORKERS: "0" },
  });
});
afterAll(() => server?.dispose());

/** The intake process of this server. */
function intakePid(): number | null {
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1];
      if (command.includes("intake/main.ts") && Number(parent) === server.pid()) return Number(name);
    } catch {
      // It ended in this moment.
    }
  }
  return null;
}

/** Sends until it is acknowledged, as senders do. */
async function deliver(n: number): Promise<void> {
  await until(`delivery ${n} to be acknowledged`, async () => {
    const headers = { "x-id": `d${n}`, "content-type": "application/json" };
    const body = JSON.stringify({ title: n % 2 === 0 ? "even" : "odd" });
    const sent = await fetch(`${server.url}/hooks/ci`, { method: "POST", headers, body }).catch(() => null);
    expect(sent === null || sent.status === 202 || sent.status >= 500).toBe(true);
    return sent?.status === 202;
  });
}

test("each of forty deliveries counts once, however often the server and its intake are killed", async () => {
  for (let n = 0; n < DELIVERIES; n += 1) {
    const sending = deliver(n);
    if (n === 10 || n === 30) {
      await server.crash();
      await server.start();
    }
    if (n === 20) {
      const pid = await until("the intake to run", () => Promise.resolve(intakePid()));
      process.kill(pid, "SIGKILL");
    }
    await sending;
    // A sender whose answer was lost sends the same once more.
    if (n % 10 === 0) await deliver(n);
  }
  const counted = (all: readonly GroupView[]): number => all.reduce((sum, { count }) => sum + count, 0);
  const groups = await untilGroups(
    server,
    "ci",
    (all) => counted(all) >= DELIVERIES && all.every(({ stage }) => stage === "open"),
  );
  const sorted = groups.toSorted((a, b) => a.title.localeCompare(b.title));
  expect(sorted.map(({ title, count, stage }) => [title, count, stage])).toEqual([
    ["even", DELIVERIES / 2, "open"],
    ["odd", DELIVERIES / 2, "open"],
  ]);
  expect(await jobsOf(server, "ci")).toHaveLength(2);
  // And it stays so: nothing is read a second time after one more start.
  await server.crash();
  await server.start();
  await until("the source to be read again", () => Promise.resolve(intakePid()));
  expect((await groupsOf(server, "ci")).map(({ count }) => count)).toEqual([DELIVERIES / 2, DELIVERIES / 2]);
});
