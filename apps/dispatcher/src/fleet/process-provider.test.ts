/** What is special about processes; the promises of every provider are in `provider.suite.ts`. */

import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { createProcessProvider } from "./process-provider.ts";
import type { Exit, Launch, PoolNeeds, Provider } from "./provider.ts";

const POOL: PoolNeeds = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };
const RUNNING = { launchId: "a", name: "w", slot: 0, pool: "default" };

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hive-processes-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface World {
  readonly provider: Provider;
  readonly folder: string;
  /** The next line a worker writes. */
  readonly line: () => Promise<string>;
  /** The next end that is told. */
  readonly exit: () => Promise<Exit>;
  readonly start: (env?: Record<string, string>) => Promise<void>;
}

/** What comes one after the other, for whoever asks for the next. */
function stream<T>(): { readonly push: (item: T) => void; readonly next: () => Promise<T> } {
  const items: T[] = [];
  const waiting: ((item: T) => void)[] = [];
  return {
    push(item) {
      const taker = waiting.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    next() {
      const item = items.shift();
      return item === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(item);
    },
  };
}

async function world(program: string, given?: string): Promise<World> {
  const folder = given ?? (await temporary());
  const lines = stream<string>();
  const exits = stream<Exit>();
  const provider = await createProcessProvider({
    folder,
    command: [process.execPath, "-e", program],
    clock: systemClock,
    onLine: (_, text) => lines.push(text),
  });
  provider.onExit(exits.push);
  cleanups.push(async () => {
    await provider.stop("a", 0);
    provider.close();
  });
  const launch: Launch = { launchId: "a", name: "w", slot: 0, pool: POOL, env: {} };
  return {
    provider,
    folder,
    line: lines.next,
    exit: exits.next,
    start: (env = {}) => provider.start({ ...launch, env }),
  };
}

const STAYS = `console.error(JSON.stringify(process.env)); process.stdin.resume(); process.stdin.on("end", () => process.exit(0));`;

test("a worker gets exactly its own environment, and is listed while it runs", async () => {
  const { provider, line, start } = await world(STAYS);
  await start({ PATH: "/usr/bin:/bin", HIVE_LAUNCH_TOKEN: "token" });
  expect(JSON.parse(await line())).toEqual({ PATH: "/usr/bin:/bin", HIVE_LAUNCH_TOKEN: "token" });
  expect(await provider.list()).toEqual([RUNNING]);
});

test("a signal from somebody else that asks it to end is from outside; one that kills it is its own doing", async () => {
  for (const [signal, outside] of [
    ["SIGTERM", true],
    ["SIGKILL", false],
  ] as const) {
    const { line, exit, start } = await world(`console.error(process.pid); setInterval(() => {}, 1000);`);
    await start();
    process.kill(Number(await line()), signal);
    expect(await exit()).toMatchObject({ code: null, signal, stopped: false, outside });
  }
});

test("a program that cannot be started is a failed start and never an exception of the server", async () => {
  const folder = await temporary();
  const provider = await createProcessProvider({
    folder,
    command: [join(folder, "nothing-here")],
    clock: systemClock,
    onLine: () => undefined,
  });
  const launch = { launchId: "a", name: "w", slot: 0, pool: POOL, env: {} };
  await expect(provider.start(launch)).rejects.toMatchObject({ kind: "failed", message: /ENOENT/ });
  expect(await provider.list()).toEqual([]);
});

test("there is a note about a worker on the disk as long as it runs", async () => {
  const { provider, folder, start } = await world(STAYS);
  await start();
  expect(await readdir(folder)).toEqual(["a.json"]);
  await provider.stop("a", 5_000);
  expect(await readdir(folder)).toEqual([]);
});

/** A server that starts one worker and is killed; the worker ignores its closed standard input until it is asked to leave. */
async function killedServer(folder: string, worker: string): Promise<number> {
  const launch = { ...RUNNING, pool: POOL, env: {} };
  const server = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { createProcessProvider } from ${JSON.stringify(new URL("process-provider.ts", import.meta.url).href)};
       import { systemClock } from ${JSON.stringify(new URL("../clock.ts", import.meta.url).href)};
       const provider = await createProcessProvider({ folder: ${JSON.stringify(folder)}, clock: systemClock,
         command: [process.execPath, "-e", ${JSON.stringify(worker)}], onLine: (_, line) => console.log(line) });
       await provider.start(${JSON.stringify(launch)});
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const said = await new Promise<string>((resolve) => {
    let text = "";
    server.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("\n")) resolve(text);
    });
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGKILL");
  await ended;
  return Number(said);
}

const LINGERS = `process.on("SIGUSR2", () => process.exit(0)); setInterval(() => {}, 1000); console.error(process.pid);`;

test.runIf(process.platform === "linux")("a worker of a killed server is found, and its end is told", async () => {
  const folder = await temporary();
  const pid = await killedServer(folder, LINGERS);
  const { provider, exit } = await world(STAYS, folder);
  expect(await provider.list()).toEqual([RUNNING]);
  process.kill(pid, "SIGUSR2");
  expect(await exit()).toMatchObject({ ...RUNNING, code: null, signal: null, stopped: false, outside: true });
  expect(await provider.list()).toEqual([]);
});

test.runIf(process.platform === "linux")("a worker of a killed server can be stopped", async () => {
  const folder = await temporary();
  await killedServer(folder, `process.on("SIGTERM", () => {}); ${LINGERS}`);
  const { provider, exit } = await world(STAYS, folder);
  expect(await provider.list()).toHaveLength(1);
  await provider.stop("a", 100);
  expect(await provider.list()).toEqual([]);
  expect(await exit()).toMatchObject({ stopped: true, outside: false });
});
