import { afterAll, beforeAll, expect, test } from "vitest";
import { createFakeProvider } from "../fleet/fake-provider.ts";
import { createPoolKeeper } from "../fleet/pool-keeper.ts";
import { compilePools, poolsSchema } from "../fleet/pool-settings.ts";
import { type PoolView, viewPool } from "../fleet/pool-view.ts";
import { systemClock } from "../clock.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
let pools: readonly PoolView[] = [];
beforeAll(async () => {
  world = await startServer({ change: (parts) => ({ ...parts, pools: () => pools }) });
});
afterAll(() => world.close());

/** A pool as the fleet shows it. */
function pool(settings: Record<string, unknown>, is: Partial<PoolView> = {}): PoolView {
  const entries = poolsSchema.parse([settings]);
  const [compiled] = compilePools(entries, { provider: "docker", workers: undefined });
  if (compiled === undefined) throw new Error("no pool");
  const keeper = createPoolKeeper(compiled, createFakeProvider({ clock: systemClock, name: "docker" }));
  return { ...viewPool(keeper, { mono: 0, wall: 0 }), state: "ok", message: "ok", ...is };
}

async function waiting(jobId: string, body: Record<string, unknown> = {}): Promise<unknown> {
  const job = { jobId, repo: "https://github.com/acme/website", task: "script", script: "true", ...body };
  expect((await world.send("POST", "/enqueue", { json: job })).status).toBe(202);
  const seen = (await (await world.send("GET", `/v1/jobs/${jobId}`)).json()) as { readonly waiting: unknown };
  return seen.waiting;
}

test("pools are listed with their settings and what is in the way, for owners alone", async () => {
  pools = [
    pool({ name: "big", labels: ["gpu"], memory: "8g" }, { state: "image_missing", message: "image missing: x" }),
  ];
  const response = await world.send("GET", "/v1/pools");
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    pools: [
      {
        name: "big",
        provider: "docker",
        isolation: "container",
        labels: ["gpu"],
        memoryBytes: 8 * 2 ** 30,
        workers: { starting: 0, idle: 0, busy: 0, draining: 0 },
        state: "image_missing",
        message: "image missing: x",
      },
    ],
  });
  expect((await fetch(`${world.url}/v1/pools`)).status).toBe(401);
});

test("Prometheus is told of each pool, and no more of one that is gone", async () => {
  const workers = { starting: 1, idle: 2, busy: 3, draining: 4 };
  pools = [
    pool({ name: "default" }, { workers, desired: 6, failures: 2, state: "backing_off" }),
    pool({ name: "big" }),
  ];
  const scrape = async () => (await world.send("GET", "/metrics")).text();
  const text = await scrape();
  for (const line of [
    'hive_pool_workers{pool="default",state="starting"} 1',
    'hive_pool_workers{pool="default",state="busy"} 3',
    'hive_pool_desired{pool="default"} 6',
    'hive_pool_boot_failures{pool="default"} 2',
    'hive_pool_ok{pool="default"} 0',
    'hive_pool_ok{pool="big"} 1',
  ])
    expect(text).toContain(line);
  pools = [];
  expect(await scrape()).not.toContain("pool=");
});

test("a job that no pool can run says what it asks for", async () => {
  pools = [pool({ name: "default" }), pool({ name: "tests", roles: ["tester"] })];
  expect(await waiting("gpu", { labels: ["gpu"] })).toBe(
    "No pool of this server and none of its 0 workers has the label gpu.",
  );
});

test("a job whose pool starts nothing says why; one whose pool can start says that a worker comes", async () => {
  const broken = { state: "engine_unreachable", message: "engine unreachable: it is off" } as const;
  pools = [pool({ name: "default" }, broken), pool({ name: "gone" }, { state: "removed", message: "removed" })];
  expect(await waiting("off")).toBe("It waits for a worker. The pool default: engine unreachable: it is off.");
  pools = [pool({ name: "default" }, broken), pool({ name: "other" })];
  expect(await waiting("comes")).toBe("A worker of the pool other is started for it.");
  expect(await waiting("busy-later", { agent: "claude", task: "agent", instructions: "x", script: undefined })).toBe(
    "A worker of the pool other is started for it.",
  );
  pools = [pool({ name: "default" }, { agents: ["demo"] })];
  expect(await waiting("no-claude", { agent: "claude", task: "agent", instructions: "x", script: undefined })).toMatch(
    /No pool of this server and none of its 0 workers runs the agent claude. HIVE_AGENT_CLIS puts/,
  );
});
