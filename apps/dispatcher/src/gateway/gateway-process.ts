/** Starts the gateway as a process beside the dispatcher, and stops it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { GivenGatewaySettings } from "./gateway-settings.ts";

export interface GatewayProcessOptions {
  readonly settings: GivenGatewaySettings;
  /**
   * The process's whole environment. Needs nothing of Hive's; pass NODE_EXTRA_CA_CERTS where the provider's certificate
   * is signed by an authority of your own. Default: empty.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** One line of the process's log. */
  readonly onLine: (line: string) => void;
}

export interface GatewayProcess {
  /** The port, or the path of the Unix socket, it listens on. */
  readonly listening: number | string;
  /** Resolves when the process is gone, with how. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Ends it: running calls are cut, their usage is told, at most for a few seconds. Safe to call twice. */
  stop(): Promise<void>;
}

/** Milliseconds after which a process that does not end by itself is killed. */
const STOP_MS = 8_000;
const readySchema = z.object({ listening: z.union([z.int(), z.string()]) });

/** Resolves once the process listens. @throws with what it wrote when it ends before that. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const program = fileURLToPath(new URL("main.ts", import.meta.url));
  // A session of its own: Ctrl-C in the terminal reaches the dispatcher alone, and jobs that end in its drain still need
  // their model. When the dispatcher is gone, however it ended, the input closes.
  const child = spawn(process.execPath, [program], {
    env: { ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const exited = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  let last = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    last = line;
    options.onLine(line);
  });
  // A process that is gone already takes no settings; that it is gone is told below.
  child.stdin.on("error", () => undefined);
  child.stdin.write(`${JSON.stringify(options.settings)}\n`);
  const ready = new Promise<string>((settle) => {
    createInterface({ input: child.stdout }).once("line", settle);
  });
  const line = await Promise.race([ready, exited.then(() => null)]);
  if (line === null) {
    throw new Error(`The LLM gateway did not start: ${last}`);
  }
  return {
    listening: readySchema.parse(JSON.parse(line)).listening,
    exited,
    async stop() {
      // Its input closing is the signal it also gets when this process dies.
      child.stdin.end();
      const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(kill);
    },
  };
}
