import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { systemClock, type Clock } from "../clock.ts";
import { type Fleet, type Gone, startFleet } from "./fleet.ts";
import { createProcessProvider } from "./process-provider.ts";
import type { PoolNeeds, Provider } from "./provider.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const POOL: PoolNeeds = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };

async function until<T>(what: string, look: () => T | undefined | false | null): Promise<T> {
  const end = performance.now() + 20_000;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false && seen !== null) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hive-fleet-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Long waits are written down instead of waited for, and over at once. */
function hurriedClock(waits: number[]): Clock {
  return { ...systemClock, after: (ms, run) => (waits.push(ms), systemClock.after(Math.min(ms, 1), run)) };
}

interface World {
  readonly fleet: Fleet;
  readonly provider: Provider;
  readonly lines: { name: string; text: string }[];
  readonly gone: Gone[];
  readonly issued: string[];
  readonly revoked: string[];
  readonly waits: number[];
}

async function world(program: string, options: { folder?: string; size?: number; clock?: Clock } = {}): Promise<World> {
  const folder = options.folder ?? (await temporary());
  const seen = {
    lines: [] as World["lines"],
    gone: [] as Gone[],
    issued: [] as string[],
    revoked: [] as string[],
    waits: [] as number[],
  };
  const clock = options.clock ?? hurriedClock(seen.waits);
  const provider = await createProcessProvider({
    folder,
    command: [process.execPath, "-e", program],
    clock: systemClock,
    onLine: (worker, text) => seen.lines.push({ name: worker.name, text }),
  });
  const fleet = await startFleet({
    provider,
    size: options.size ?? 1,
    clock,
    issueLaunchToken: () => {
      seen.issued.push(`token-${seen.issued.length + 1}`);
      return `token-${seen.issued.length}`;
    },
    revokeLaunchToken: (token) => seen.revoked.push(token),
    environmentOf: () => ({ PATH: "/usr/bin:/bin" }),
    onGone: async (gone) => void seen.gone.push(gone),
    log: { info: () => undefined, warn: () => undefined },
  });
  cleanups.push(() => fleet.stop(1_000));
  return { ...seen, fleet, provider };
}

const STAYS = `console.error(JSON.stringify(process.env)); process.stdin.resume(); process.stdin.on("end", () => process.exit(0));`;

test("each slot's worker gets its name, a token of its own and nothing of the server's environment", async () => {
  const { lines, fleet } = await world(STAYS, { size: 2 });
  await until("both workers", () => lines.length === 2);
  const sorted = lines
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(({ text }) => JSON.parse(text) as Record<string, string>);
  expect(sorted).toEqual(
    [1, 2].map((n) => ({
      PATH: "/usr/bin:/bin",
      HIVE_PROVIDER: "process",
      HIVE_WORKER_NAME: `hive-worker-${n}`,
      HIVE_WORKER_SLOT: String(n - 1),
      HIVE_LAUNCH_TOKEN: `token-${n}`,
    })),
  );
  expect(fleet.status().map(({ state }) => state)).toEqual(["running", "running"]);
});

test("a worker that keeps dying is started again later and later, each time with a new token, and is blamed", async () => {
  const { waits, gone, issued, revoked } = await world("process.exit(3)");
  await until("eight starts", () => issued.length >= 8);
  expect(waits.slice(0, 7)).toEqual([0, 5_000, 10_000, 20_000, 40_000, 80_000, 80_000]);
  expect(revoked.slice(0, 7)).toEqual(issued.slice(0, 7));
  expect(gone[0]).toMatchObject({ blame: false, message: "hive-worker-1 ended with its server" });
  expect(gone[1]).toEqual({
    name: "hive-worker-1",
    provider: "process",
    blame: true,
    message: "hive-worker-1 ended with code 3",
  });
});

test("a worker that leaves by itself is replaced and not blamed; one that is killed is", async () => {
  const { gone, lines } = await world(
    `process.on("SIGUSR2", () => process.exit(0)); process.stdin.resume(); console.error(process.pid);`,
  );
  const first = await until("the first worker", () => lines[0]);
  process.kill(Number(first.text), "SIGUSR2");
  const second = await until("the second worker", () => lines[1]);
  expect(gone.at(-1)).toMatchObject({ blame: false, message: "hive-worker-1 ended with code 0" });
  process.kill(Number(second.text), "SIGKILL");
  await until("the third worker", () => lines[2]);
  expect(gone.at(-1)).toMatchObject({ blame: true, message: "hive-worker-1 was ended by SIGKILL" });
});

test("stopping the fleet asks first, then kills, blames nobody and may be repeated", async () => {
  const { fleet, gone, lines, provider } = await world(
    `process.on("SIGTERM", () => console.error("asked")); console.error("up"); setInterval(() => {}, 1000);`,
  );
  await until("the worker", () => lines.length > 0);
  await Promise.all([fleet.stop(50), fleet.stop(50)]);
  await until("the last line", () => lines.some(({ text }) => text === "asked"));
  expect(gone.at(-1)).toMatchObject({ blame: false });
  expect(await provider.list()).toEqual([]);
  expect(fleet.status()).toEqual([{ name: "hive-worker-1", state: "stopped", failures: 0 }]);
});

test("a program that cannot be started is a failed start and never an exception of the server", async () => {
  const folder = await temporary();
  const provider = await createProcessProvider({
    folder,
    command: [join(folder, "nothing-here")],
    clock: systemClock,
    onLine: () => undefined,
  });
  await expect(provider.start({ launchId: "a", name: "w", slot: 0, pool: POOL, env: {} })).rejects.toThrow(/ENOENT/);
  expect(await provider.list()).toEqual([]);
});

test("starting a launch that runs already starts no second process", async () => {
  const folder = await temporary();
  const lines: string[] = [];
  const provider = await createProcessProvider({
    folder,
    command: [process.execPath, "-e", STAYS],
    clock: systemClock,
    onLine: (_, line) => lines.push(line),
  });
  cleanups.push(() => provider.stop("a", 1_000));
  const launch = { launchId: "a", name: "w", slot: 0, pool: POOL, env: {} };
  await provider.start(launch);
  await provider.start(launch);
  expect(await provider.list()).toEqual([{ launchId: "a", name: "w", slot: 0, pool: "default" }]);
  expect(await readdir(folder)).toEqual(["a.json"]);
  await provider.stop("a", 5_000);
  expect(await readdir(folder)).toEqual([]);
});

/** A server that starts one worker and is killed; the worker ignores its closed standard input until it is asked to leave. */
async function killedServer(folder: string, worker: string): Promise<string> {
  const server = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { createProcessProvider } from ${JSON.stringify(new URL("process-provider.ts", import.meta.url).href)};
       import { systemClock } from ${JSON.stringify(new URL("../clock.ts", import.meta.url).href)};
       const provider = await createProcessProvider({ folder: ${JSON.stringify(folder)}, clock: systemClock,
         command: [process.execPath, "-e", ${JSON.stringify(worker)}], onLine: (_, line) => console.log(line) });
       await provider.start({ launchId: "old", name: "hive-worker-1", slot: 0, pool: ${JSON.stringify(POOL)}, env: {} });
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let said = "";
  server.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const pid = await until("the worker's first line", () => /^(\d+)\n/.exec(said)?.[1]);
  server.kill("SIGKILL");
  return pid;
}

const LINGERS = `process.on("SIGUSR2", () => process.exit(0)); setInterval(() => {}, 1000); console.error(process.pid);`;

test.runIf(process.platform === "linux")(
  "workers of a killed server keep their slot until they left, then the slot gets a new one",
  async () => {
    const folder = await temporary();
    const pid = await killedServer(folder, LINGERS);
    const { fleet, issued, gone, lines } = await world(STAYS, { folder });
    expect(fleet.status()[0]?.state).toBe("left over");
    expect(issued).toEqual([]);
    expect(gone).toEqual([]);
    process.kill(Number(pid), "SIGUSR2");
    await until("the new worker", () => lines.length > 0);
    expect(gone).toMatchObject([{ name: "hive-worker-1", blame: false }]);
    expect(fleet.status()[0]?.state).toBe("running");
  },
);

test.runIf(process.platform === "linux")("a left-over worker is stopped with the fleet", async () => {
  const folder = await temporary();
  await killedServer(folder, `process.on("SIGTERM", () => {}); ${LINGERS}`);
  const { fleet, provider } = await world(STAYS, { folder });
  expect(await provider.list()).toHaveLength(1);
  await fleet.stop(100);
  expect(await provider.list()).toEqual([]);
});
