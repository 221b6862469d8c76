/** Starts the dispatcher as a program of its own and waits until it is ready. */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createHive } from "@hive/sdk";
import { environment } from "../config.ts";
import { CliError } from "../context.ts";

const MAIN = fileURLToPath(new URL("../../../dispatcher/src/main.ts", import.meta.url));
const READY_MS = 60_000;
const STOP_MS = 15_000;
const LOOK_MS = 100;

export interface DemoServer {
  readonly url: string;
  /** Resolves when the server ended by itself. */
  readonly ended: Promise<number | null>;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
}

/** @throws CliError with what the server printed when it did not become ready. */
export async function startServer(dataDir: string): Promise<DemoServer> {
  const port = environment()["HIVE_PORT"] || "8099";
  const url = `http://localhost:${port}`;
  const child = spawn(process.execPath, [MAIN], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...environment(),
      HIVE_DATA: dataDir,
      HIVE_PORT: port,
      HIVE_STORE: "sqlite",
      // The demo agent does no harm, and its repository is a folder that no container sees.
      HIVE_FLEET: "process",
      HIVE_ALLOW_FILE_REPOS: "1",
      HIVE_AGENT: "demo",
      HIVE_LOG: "off",
    },
  });
  let printed = "";
  const keep = (chunk: Buffer): void => {
    printed = (printed + chunk.toString("utf8")).slice(-8192);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const hive = createHive({ url, token: "none", retries: 0 });
  for (const begun = Date.now(); ; ) {
    if (over) throw new CliError(printed.trim() || "the server ended without a word");
    if (Date.now() - begun > READY_MS) {
      await stop(child, ended);
      throw new CliError(`the server was not ready after ${READY_MS / 1000} s:\n${printed}`);
    }
    // "Hive ready" is printed by our own child: another Hive on this port would answer, too.
    if (printed.includes("Hive ready") && (await hive.health().catch(() => null))?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { url, ended, stop: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timer);
}
