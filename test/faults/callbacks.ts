/** Starts `callback-recorder.ts` and puts what it took into the history. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { plainEnvironment } from "../e2e/hive-process.ts";
import type { RunHistory } from "./history.ts";

interface Line {
  readonly listening?: number;
  readonly at: number;
  readonly id: string;
  readonly body: string;
  readonly status: number | null;
}

export interface CallbackRecorder {
  readonly url: string;
  /** Requests whose signature was wrong. */
  unsigned(): number;
  /** Tries of callbacks that were tried before. */
  repeated(): number;
  stop(): Promise<void>;
}

/** Starts the backend with the secret callbacks must be signed with. */
export async function startCallbackRecorder(secret: string, history: RunHistory): Promise<CallbackRecorder> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "callback-recorder.ts"), secret], {
    env: plainEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const listening = Promise.withResolvers<number>();
  const met = new Set<string>();
  let unsigned = 0;
  let repeated = 0;
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Line;
    if (line.listening !== undefined) return listening.resolve(line.listening);
    const { at, id, body, status } = line;
    if (status === 401) {
      unsigned += 1;
      return;
    }
    if (met.has(id)) repeated += 1;
    met.add(id);
    const { data } = JSON.parse(body) as { readonly data: { readonly jobId: string; readonly event: number } };
    const about = { at, jobId: data.jobId, n: data.event };
    history.add({ kind: "sent", ...about });
    history.add({ kind: "called", ...about, messageId: id, body, status });
    history.add({ kind: "heard", ...about, status });
  });
  child.once("exit", (code) => listening.reject(new Error(`the callback recorder ended with ${code}`)));
  const port = await listening.promise;
  return {
    url: `http://127.0.0.1:${port}/hive`,
    unsigned: () => unsigned,
    repeated: () => repeated,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill();
      await gone;
    },
  };
}
