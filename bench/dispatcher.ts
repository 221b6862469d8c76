/** A real dispatcher for the measurements: its own process, SQLite with a sync before every reply, no workers unless asked for. */
import { request } from "node:http";
import { join } from "node:path";
import type { Program, Stage } from "./stage.ts";
import { freePort, until } from "./stage.ts";

const MAIN = join(import.meta.dirname, "../apps/dispatcher/src/main.ts");
/** What the dispatchers of the bench share with its clients. */
export const API_TOKEN = "bench-internal-api-token";
/** What the dispatchers of the bench share with its workers. */
export const WORKER_SECRET = "bench-callback-secret-shared";

/** A running dispatcher. */
export interface BenchDispatcher {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  readonly pid: () => number;
  /** Ends it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on its data; milliseconds from the start of the process to the first "ready". */
  start(): Promise<number>;
}

/** Starts a dispatcher in a new folder and waits until it is ready. */
export async function startDispatcher(
  stage: Stage,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchDispatcher> {
  const folder = stage.folder("hive");
  const data = join(folder, "hive-data");
  const port = await freePort();
  let program: Program | null = null;

  const start = async (): Promise<number> => {
    const begun = performance.now();
    const born = stage.start(process.execPath, [MAIN], {
      cwd: folder,
      env: {
        HIVE_DATA: data,
        HIVE_PORT: String(port),
        HIVE_FLEET: "process",
        HIVE_WORKERS: "0",
        HIVE_LOG: "off",
        HIVE_MAX_WAITING: "10000000",
        INTERNAL_API_TOKEN: API_TOKEN,
        CALLBACK_SECRET: WORKER_SECRET,
        ...env,
      },
    });
    program = born;
    let over = false;
    void born.ended.then(
      () => (over = true),
      () => (over = true),
    );
    await until("the dispatcher to be ready", async () => over || (await isReady(port)), 300_000);
    if (over) throw new Error(`the dispatcher ended at its start:\n${born.printed()}`);
    return performance.now() - begun;
  };

  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    data,
    pid: () => program?.pid ?? 0,
    stop: async (signal) => program?.stop(signal),
    start,
  };
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/health/ready", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
