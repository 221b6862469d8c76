/** Starts `callback-receiver.ts` and reads what it says. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { plainEnvironment } from "./hive-process.ts";
import { until } from "./until.ts";

/** One request the receiver took. */
export interface Received {
  readonly ok: boolean;
  readonly id: string | null;
  readonly why?: string;
  readonly callback?: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>> & { readonly jobId: string; readonly status: string };
  };
}

export interface CallbackReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** The callback of this type about this job. */
  next(type: string, jobId: string): Promise<Received>;
  stop(): Promise<void>;
}

/** Starts the receiver with the secret callbacks must be signed with. */
export async function startCallbackReceiver(secret: string): Promise<CallbackReceiver> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "callback-receiver.ts"), secret], {
    env: plainEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const received: Received[] = [];
  const listening = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const said = JSON.parse(line) as { listening?: number } & Received;
    if (said.listening === undefined) received.push(said);
    else listening.resolve(said.listening);
  });
  child.once("exit", (code) => listening.reject(new Error(`the receiver ended with ${code}`)));
  const port = await listening.promise;
  return {
    url: `http://127.0.0.1:${port}/hive`,
    received,
    next: (type, jobId) =>
      until(
        `the callback ${type} of ${jobId}`,
        () => received.find((one) => one.callback?.type === type && one.callback.data.jobId === jobId),
        { more: () => JSON.stringify(received, null, 1) },
      ),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}
