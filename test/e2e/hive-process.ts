/**
 * A real Hive for the scenarios: the dispatcher as its own program with its own folder and port, the way `npm start`
 * runs it. `stop` proves that nothing of it survived, and so does the end of every scenario, also of one that failed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createHive, type HiveClient, type JobDetail, type NewJobRequest } from "@hive/sdk";
import { descendants, isRunning, type Process, type Traces, withTraces } from "./processes.ts";
import { until } from "./until.ts";

/** The checkout these tests belong to. */
export const ROOT = resolve(import.meta.dirname, "../..");
/** What `npm start` runs. */
export const DISPATCHER = join(ROOT, "apps/dispatcher/src/main.ts");
const READY_MS = 60_000;
/** A stop drains the workers first; more than this and something hangs. */
const STOP_MS = 40_000;
const SHOWN = 16_000;

export interface HiveOptions {
  /** Beside the port, the folder and a plain environment; an empty text takes a default back. */
  readonly env?: Readonly<Record<string, string>>;
  /** The text of hive.yaml. */
  readonly yaml?: string;
}

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HiveProcess {
  readonly url: string;
  readonly port: number;
  /** `HIVE_DATA`. */
  readonly data: string;
  /** The token of the first start. */
  readonly token: string;
  readonly hive: HiveClient;
  readonly traces: Traces;
  pid(): number;
  /** All that was printed, newest starts last. */
  printed(): string;
  /** `fetch` with the token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Puts a job in and waits for its end (or until it is held). */
  run(job: NewJobRequest): Promise<JobDetail>;
  /** Waits for a job's end (or until it is held); the error tells what the server printed. */
  over(jobId: string): Promise<JobDetail>;
  /** Stops it with SIGTERM and throws when anything survived. Safe to repeat. */
  stop(): Promise<Ended>;
  /** SIGKILL for the server alone, as a crash would. */
  crash(): Promise<void>;
  /** Starts it again on the same port and folder. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Stops what runs, also by force, and removes the folder. For `afterAll`. @throws when something had survived. */
  dispose(): Promise<void>;
}

/** A plain environment, so that a developer's own settings change nothing. */
export function plainEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LANG: "C.UTF-8", HOME: tmpdir(), ...more };
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

let count = 0;

/** Starts a server and waits until it is ready. */
export async function startHive(options: HiveOptions = {}): Promise<HiveProcess> {
  const folder = mkdtempSync(join(tmpdir(), "hive-e2e-"));
  // An agent's own user has to be able to walk through to its working copy.
  chmodSync(folder, 0o711);
  const data = join(folder, "hive-data");
  const yaml = join(folder, "hive.yaml");
  writeFileSync(yaml, options.yaml ?? "{}");
  count += 1;
  // Slots of this server alone, so that what its jobs leave behind is known by its user.
  const uid = 100_000 + (process.pid % 50_000) * 40 + (count % 4) * 10;
  const traces: Traces = { folder, uids: [uid, uid + 9] };
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const env: Record<string, string> = {
    HIVE_DATA: data,
    HIVE_CONFIG: yaml,
    HIVE_PORT: String(port),
    HIVE_AGENT_UID_BASE: String(uid),
    HIVE_ALLOW_PRIVATE_ADDRESSES: "127.0.0.0/8,::1/128",
    HIVE_LOG: "json",
    // The same on a machine with an engine; containers have scenarios of their own.
    HIVE_FLEET: "process",
    ...options.env,
  };
  let printed = "";
  let child: ChildProcess | null = null;
  let ended: Promise<Ended> = Promise.resolve({ code: 0, signal: null });
  const keep = (chunk: Buffer): void => {
    printed += chunk.toString("utf8");
  };
  const shown = (): string => printed.slice(-SHOWN);

  const start = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    Object.assign(env, more);
    const from = printed.length;
    const born = spawn(process.execPath, [DISPATCHER], {
      cwd: folder,
      env: plainEnvironment(env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = born;
    born.stdout.on("data", keep);
    born.stderr.on("data", keep);
    ended = new Promise((done) => born.once("exit", (code, signal) => done({ code, signal })));
    let over = false;
    void ended.then(() => {
      over = true;
    });
    const lastRow = /^Next {9}.*$/m;
    await until("the block of a start", () => over || lastRow.test(printed.slice(from)), {
      limitMs: READY_MS,
      more: shown,
    });
    if (over) throw new Error(`the server ended at its start:\n${shown()}`);
  };

  const survivors = async (before: readonly Process[]): Promise<Process[]> => {
    const look = (): Process[] => [...before.filter(isRunning), ...withTraces(traces)];
    // The last of them may be ending while we look.
    await until("all processes to be gone", () => look().length === 0, { limitMs: 15_000 }).catch(() => undefined);
    return look();
  };

  const stop = async (): Promise<Ended> => {
    if (child === null) return ended;
    const before = child.pid === undefined ? [] : descendants(child.pid);
    child.kill("SIGTERM");
    const how = await Promise.race([ended, limit(STOP_MS)]);
    if (how === null) throw new Error(`the server did not stop within ${STOP_MS} ms:\n${shown()}`);
    child = null;
    const left = await survivors(before);
    if (left.length > 0) {
      for (const one of left) kill(one);
      throw new Error(`still running after the stop:\n${left.map((one) => `${one.pid} ${one.command}`).join("\n")}`);
    }
    return how;
  };

  const killAll = (): void => {
    child?.kill("SIGKILL");
    child = null;
    for (const one of withTraces(traces)) kill(one);
  };

  try {
    await start();
  } catch (error) {
    killAll();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const token = tokenOf(data, env);
  const hive = createHive({ url, token });

  const over = async (jobId: string): Promise<JobDetail> => {
    const job = await hive.wait(jobId, { held: true, signal: AbortSignal.timeout(90_000) });
    if (["succeeded", "failed", "canceled", "held"].includes(job.status)) return job;
    throw new Error(`${jobId} is still ${job.status} (${job.phase}):\n${shown()}`);
  };

  return {
    url,
    port,
    data,
    token,
    hive,
    traces,
    pid: () => child?.pid ?? 0,
    printed: () => printed,
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
      return fetch(`${url}${path}`, { ...init, headers });
    },
    run: async (job) => over((await hive.enqueue(job)).jobId),
    over,
    stop,
    crash: async () => {
      child?.kill("SIGKILL");
      await ended;
      child = null;
    },
    start,
    dispose: async () => {
      try {
        await stop();
      } finally {
        killAll();
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}

/** `INTERNAL_API_TOKEN` as this server has it. */
function tokenOf(data: string, env: Readonly<Record<string, string>>): string {
  const given = env["INTERNAL_API_TOKEN"];
  if (given !== undefined && given !== "") return given;
  const found = /^export INTERNAL_API_TOKEN=(\S+)$/m.exec(readFileSync(join(data, "secrets.env"), "utf8"))?.[1];
  if (found === undefined) throw new Error("the first start wrote no INTERNAL_API_TOKEN");
  return found;
}

function kill({ pid }: Process): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function limit(ms: number): Promise<null> {
  return new Promise((done) => {
    setTimeout(() => done(null), ms).unref();
  });
}
