/** Workers as an operator starts them by hand: they know the dispatcher's address and outlive it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { plainEnvironment, ROOT } from "../e2e/hive-process.ts";

const WORKER = join(ROOT, "apps/worker/src/main.ts");
/** A worker that is told to leave gives its job back after this; more means it hangs. */
const STOP_MS = 30_000;

export interface WorkersOptions {
  readonly count: number;
  /** Of the dispatcher; several, separated by commas, where there are replicas. */
  readonly url: string;
  readonly secret: string;
  /** Where their folders and what they print go. */
  readonly folder: string;
  /** The first of the user ids their jobs run as. */
  readonly uid: number;
  /** More settings. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** What they are started by, such as `["ip", "netns", "exec", NAME]`; it must become the program. Default: nothing. */
  readonly startedBy?: readonly string[];
}

export interface Workers {
  readonly count: number;
  /** The process in this place now. */
  pid(place: number): number;
  /** Where the worker of this place keeps its things. */
  readonly folder: string;
  /** SIGKILL, and another worker in its place, as a service manager would start it. */
  replace(place: number): Promise<void>;
  /** SIGTERM for all. @throws when one had to be killed. */
  stop(): Promise<void>;
}

/** Starts workers in the slots 0 to `count` - 1. */
export function startWorkers(options: WorkersOptions): Workers {
  mkdirSync(options.folder, { recursive: true, mode: 0o711 });
  const output = openSync(join(options.folder, "workers.log"), "a");
  const [program, ...args] = [...(options.startedBy ?? []), process.execPath, WORKER];
  const start = (place: number): ChildProcess =>
    spawn(program, args, {
      cwd: options.folder,
      stdio: ["ignore", output, output],
      env: plainEnvironment({
        HIVE_URL: options.url,
        CALLBACK_SECRET: options.secret,
        HIVE_PROVIDER: "manual",
        HIVE_WORKER_NAME: `worker-${place + 1}`,
        HIVE_WORKER_SLOT: String(place),
        HIVE_WORKER_DATA: join(options.folder, "data"),
        HIVE_AGENT_UID_BASE: String(options.uid),
        HIVE_ALLOW_FILE_REPOS: "1",
        ...options.env,
      }),
    });
  const children = Array.from({ length: options.count }, (_, place) => start(place));
  const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (isOver(child)) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  return {
    count: options.count,
    folder: options.folder,
    pid: (place) => children[place]?.pid ?? 0,
    async replace(place) {
      const child = children[place];
      if (child !== undefined) await end(child, "SIGKILL");
      children[place] = start(place);
    },
    async stop() {
      const late: number[] = [];
      const timer = setTimeout(() => {
        for (const child of children.filter((one) => !isOver(one))) {
          late.push(child.pid ?? 0);
          child.kill("SIGKILL");
        }
      }, STOP_MS);
      await Promise.all(children.map((child) => end(child, "SIGTERM")));
      clearTimeout(timer);
      closeSync(output);
      if (late.length > 0) throw new Error(`these workers did not stop within ${STOP_MS} ms: ${late.join(", ")}`);
    },
  };
}
