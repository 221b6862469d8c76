/** `hive doctor`: what this machine has, what the server says, and for everything that is wrong the command that helps. */

import { execFile } from "node:child_process";
import { createConnection } from "node:net";
import { promisify } from "node:util";
import { ApiError, createHive } from "@hive/sdk";
import { serverUrls } from "@hive/protocol";
import type { CliConfig } from "../config.ts";
import { environment } from "../config.ts";

export interface Check {
  readonly name: string;
  /** `note`: works, but look at it. */
  readonly state: "ok" | "note" | "bad";
  readonly text: string;
}

const OLDEST_NODE = 24;
const TIMEOUT_MS = 3000;
/** States of a pool that a person has to end. */
const TROUBLE: ReadonlySet<string> = new Set(["image_missing", "engine_unreachable", "backing_off"]);
const run = promisify(execFile);

/** All checks that need no repository. */
export async function checkup(config: CliConfig): Promise<Check[]> {
  return [
    nodeCheck(),
    await gitCheck(),
    await serverCheck(config),
    await tokenCheck(config),
    await isolationCheck(config),
    keyCheck(),
  ];
}

function nodeCheck(): Check {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= OLDEST_NODE) return { name: "Node", state: "ok", text: process.versions.node };
  return {
    name: "Node",
    state: "bad",
    text: `${process.versions.node} is too old; use "npm run hive", which brings its own`,
  };
}

async function gitCheck(): Promise<Check> {
  try {
    const { stdout } = await run("git", ["--version"], { timeout: TIMEOUT_MS });
    return { name: "git", state: "ok", text: stdout.trim() };
  } catch {
    return { name: "git", state: "bad", text: "is not installed: apt-get install git" };
  }
}

async function serverCheck(config: CliConfig): Promise<Check> {
  const urls = serverUrls(config.url).map((url) => new URL(url));
  try {
    const health = await createHive({ url: config.url, token: "none", retries: 0 }).health();
    const { queue, workers } = health;
    const text = `Hive ${health.version} at ${config.url}, store ${health.store}, ${queue.queued} queued, ${queue.running} running, ${queue.held} held, ${workers.free} of ${workers.total} workers free`;
    return workers.total === 0
      ? { name: "Server", state: "note", text: `${text}: no worker is registered, nothing will run` }
      : { name: "Server", state: "ok", text };
  } catch {
    for (const url of urls) {
      const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
      if (!(await answers(url.hostname, port))) continue;
      return {
        name: "Server",
        state: "bad",
        text: `something that is not Hive listens on ${url.host}; start with another port: HIVE_PORT=8100 npm start`,
      };
    }
    const nobody = urls.map(({ host }) => host).join(", ");
    return { name: "Server", state: "bad", text: `nothing listens on ${nobody}; start it with: npm start` };
  }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: TIMEOUT_MS });
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

async function tokenCheck(config: CliConfig): Promise<Check> {
  if (config.token === undefined) {
    return { name: "Token", state: "bad", text: `none found: source ${config.dataDir}/secrets.env` };
  }
  try {
    await createHive({ url: config.url, token: config.token, retries: 0 }).list({ limit: 1 });
    return { name: "Token", state: "ok", text: `from ${config.tokenFrom}, accepted` };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return {
        name: "Token",
        state: "bad",
        text: `from ${config.tokenFrom}, refused by the server: source the secrets.env of its HIVE_DATA folder`,
      };
    }
    return { name: "Token", state: "note", text: `from ${config.tokenFrom}, not tried (the server did not answer)` };
  }
}

/** What keeps jobs from the machines they run on, as the workers of the server say it, and pools that are in trouble. */
async function isolationCheck(config: CliConfig): Promise<Check> {
  const name = "Isolation";
  try {
    const hive = createHive({ url: config.url, token: config.token ?? "none", retries: 0 });
    const [workers, pools] = await Promise.all([hive.workers(), hive.pools()]);
    const trouble = pools.filter(({ failures, state }) => failures > 0 || TROUBLE.has(state));
    if (trouble.length > 0) {
      return { name, state: "bad", text: trouble.map((pool) => `pool ${pool.name}: ${pool.message}`).join("; ") };
    }
    const open = workers.filter(({ isolation }) => !isolation.startsWith("container"));
    if (open.length > 0) {
      return {
        name,
        state: "note",
        text: `${open.length} of ${workers.length} workers are processes of a machine: real agents are held (with a Docker Engine there, workers become containers)`,
      };
    }
    const kinds = [...new Set(workers.map(({ isolation }) => isolation))].join(", ");
    return { name, state: "ok", text: workers.length === 0 ? "no worker is registered" : kinds };
  } catch {
    return { name, state: "note", text: "not known: the server did not say" };
  }
}

/** The short forms of a key, by provider. */
const KEYS = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"];

function keyCheck(): Check {
  const name = "Keys";
  const set = KEYS.filter((variable) => environment()[variable]);
  if (set.length > 0) {
    const are = set.length === 1 ? "is" : "are";
    return { name, state: "ok", text: `${set.join(", ")} ${are} set here; the server needs it in its own environment` };
  }
  const text = `${KEYS.join(", ")}: none is set here; agents need one in the server's environment, or llm: in its hive.yaml`;
  return { name, state: "note", text };
}
