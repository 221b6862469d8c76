/**
 * Dispatchers and all that is around them in a run: workers that outlive them and reach any of them, an owner's backend, a
 * bare repository. Everything ends with the world, also after a failure half-way, and nothing it started may survive it.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { git } from "../e2e/git-host.ts";
import { type CallbackRecorder, startCallbackRecorder } from "./callbacks.ts";
import type { RunHistory } from "./history.ts";
import { type Replicas, type ReplicasOptions, startReplicas } from "./replicas.ts";
import { startWorkers, type Workers } from "./workers.ts";

/** Far above the users of dispatchers: a dispatcher that stops must not take these workers for its own. */
const WORKER_UIDS = 3_000_000;

export interface WorldOptions extends ReplicasOptions {
  readonly history: RunHistory;
  /** Real workers, started by hand. Default 0. */
  readonly workers?: number;
  /** Milliseconds. Default 6,000. */
  readonly leaseMs?: number;
  /** Where workers find dispatchers, when not at `urls`: proxies. */
  readonly workerUrls?: (urls: readonly string[]) => readonly string[];
  /** More settings of the workers. */
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** What the workers are started by: see `WorkersOptions`. */
  readonly workersStartedBy?: readonly string[];
  /** Dispatchers tell a backend of every end. Default true. */
  readonly callbacks?: boolean;
}

export interface World extends Replicas {
  readonly workers: Workers;
  readonly backend: CallbackRecorder;
  /** The bare repository; as a job's `repo`: `file://` and this. */
  readonly bare: string;
  /** Where scripts note that they run. */
  readonly acts: string;
}

/** Starts everything. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const rooms = new AsyncDisposableStack();
  try {
    const folder = mkdtempSync(join(tmpdir(), "hive-faults-"));
    rooms.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    const acts = join(folder, "acts");
    mkdirSync(acts);
    // The programs of jobs run as users of their own.
    chmodSync(folder, 0o711);
    chmodSync(acts, 0o777);
    const bare = makeRepository(folder);
    const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
    const backend = await startCallbackRecorder(webhookSecret, options.history);
    rooms.defer(() => backend.stop());
    const replicas = await startReplicas({
      leaseMs: 6_000,
      ...options,
      env: {
        HIVE_WEBHOOK_SECRET: webhookSecret,
        ...(options.callbacks === false ? {} : { HIVE_CALLBACK_URL: backend.url }),
        HIVE_ALLOW_FILE_REPOS: "1",
        ...options.env,
      },
    });
    rooms.use(replicas);
    const workers = startWorkers({
      count: options.workers ?? 0,
      url: (options.workerUrls?.(replicas.urls) ?? replicas.urls).join(","),
      secret: replicas.secret,
      folder: join(folder, "workers"),
      uid: WORKER_UIDS + (process.pid % 50_000) * 20,
      env: options.workerEnv ?? {},
      startedBy: options.workersStartedBy ?? [],
    });
    rooms.defer(() => workers.stop());
    return {
      ...replicas,
      workers,
      backend,
      bare,
      acts,
      [Symbol.asyncDispose]: () => rooms.disposeAsync(),
    };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}

function makeRepository(place: string): string {
  const bare = join(place, "app.git");
  const work = join(place, "work");
  mkdirSync(bare);
  mkdirSync(work);
  git(bare, "init", "-q", "--bare", "-b", "main");
  git(work, "init", "-q", "-b", "main");
  git(work, "commit", "-q", "--allow-empty", "-m", "first");
  git(work, "push", "-q", bare, "main");
  return bare;
}
