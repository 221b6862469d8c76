/**
 * The real programs of a run: one dispatcher with a folder of its own, or several on a Redis of their own; workers that
 * outlive them and reach any of them; an owner's backend; a bare repository. Everything ends with the world, also after a
 * failure half-way, and nothing it started may survive it.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHive, type HiveClient } from "@hive/sdk";
import { newSigningKey } from "../../apps/dispatcher/src/auth/signing-key.ts";
import { git } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import { type CallbackRecorder, startCallbackRecorder } from "./callbacks.ts";
import type { RunHistory } from "./history.ts";
import { findQueen } from "./queens.ts";
import type { StoreKind } from "./scenario.ts";
import { startWorkers, type Workers } from "./workers.ts";

/** Far above the users of dispatchers: a dispatcher that stops must not take these workers for its own. */
const WORKER_UIDS = 3_000_000;

export interface WorldOptions {
  readonly history: RunHistory;
  readonly store: StoreKind;
  /** Replicas. Default 1; several need `redis`. */
  readonly dispatchers?: number;
  /** Real workers, started by hand. Default 0. */
  readonly workers?: number;
  /** Milliseconds. Default 6,000. */
  readonly leaseMs?: number;
  /** How the Redis is to be. Default: loses nothing it acknowledged. */
  readonly redis?: RedisOptions;
  /** Where dispatcher `n`, from 0, finds the Redis: a proxy, another namespace. Default: the Redis itself. */
  readonly storeUrl?: (redis: RedisServer, n: number) => string;
  /** More settings of dispatcher `n`, such as `LD_PRELOAD`. */
  readonly env?: (n: number) => Readonly<Record<string, string>>;
  /** Where workers find dispatchers, when not at `urls`: proxies. */
  readonly workerUrls?: (urls: readonly string[]) => readonly string[];
  /** More settings of the workers. */
  readonly workerEnv?: Readonly<Record<string, string>>;
  /** What the workers are started by: see `WorkersOptions`. */
  readonly workersStartedBy?: readonly string[];
  /** Dispatchers tell a backend of every end. Default true. */
  readonly callbacks?: boolean;
}

export interface World extends AsyncDisposable {
  readonly store: StoreKind;
  /** All replicas, in the order they were started. */
  readonly dispatchers: readonly [HiveProcess, ...HiveProcess[]];
  /** Null on SQLite. */
  readonly redis: RedisServer | null;
  /** Of every dispatcher. */
  readonly urls: readonly string[];
  /** `INTERNAL_API_TOKEN` of all. */
  readonly token: string;
  /** `CALLBACK_SECRET` of all. */
  readonly secret: string;
  readonly workers: Workers;
  readonly backend: CallbackRecorder;
  /** The bare repository; as a job's `repo`: `file://` and this. */
  readonly bare: string;
  /** Where scripts note that they run. */
  readonly acts: string;
  /** For files of the run; gone with the world. */
  readonly folder: string;
  /** A client that goes to any dispatcher. `retries`: default 8. */
  hive(retries?: number): HiveClient;
  /** The dispatcher that says it is the queen now; null while none does. */
  queen(): Promise<HiveProcess | null>;
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
    const secrets = newSecrets(webhookSecret);
    const backend = await startCallbackRecorder(webhookSecret, options.history);
    rooms.defer(() => backend.stop());
    const redis = options.store === "redis" ? await startRedis(options.redis) : null;
    if (redis !== null) rooms.defer(() => redis.dispose());
    const start = (n: number): Promise<HiveProcess> =>
      startHive({
        env: {
          ...secrets,
          ...(options.callbacks === false ? {} : { HIVE_CALLBACK_URL: backend.url }),
          ...(redis === null ? {} : { HIVE_STORE: options.storeUrl?.(redis, n) ?? redis.url }),
          HIVE_WORKERS: "0",
          HIVE_LEASE_MS: String(options.leaseMs ?? 6_000),
          HIVE_ALLOW_FILE_REPOS: "1",
          ...options.env?.(n),
        },
      });
    const first = await start(0);
    rooms.defer(() => first.dispose());
    const dispatchers: [HiveProcess, ...HiveProcess[]] = [first];
    for (let n = 1; n < (options.dispatchers ?? 1); n += 1) {
      const next = await start(n);
      rooms.defer(() => next.dispose());
      dispatchers.push(next);
    }
    const urls = dispatchers.map(({ url }) => url);
    const workers = startWorkers({
      count: options.workers ?? 0,
      url: (options.workerUrls?.(urls) ?? urls).join(","),
      secret: secrets.CALLBACK_SECRET,
      folder: join(folder, "workers"),
      uid: WORKER_UIDS + (process.pid % 50_000) * 20,
      env: options.workerEnv ?? {},
      startedBy: options.workersStartedBy ?? [],
    });
    rooms.defer(() => workers.stop());
    const token = secrets.INTERNAL_API_TOKEN;
    return {
      store: options.store,
      dispatchers,
      redis,
      urls,
      token,
      secret: secrets.CALLBACK_SECRET,
      workers,
      backend,
      bare,
      acts,
      folder,
      hive: (retries = 8) => createHive({ url: urls.join(","), token, retries }),
      queen: () => findQueen(dispatchers),
      [Symbol.asyncDispose]: () => rooms.disposeAsync(),
    };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}

/** What all replicas must have in common. */
function newSecrets(webhookSecret: string) {
  return {
    INTERNAL_API_TOKEN: randomBytes(24).toString("base64url"),
    CALLBACK_SECRET: randomBytes(24).toString("base64url"),
    HIVE_WEBHOOK_SECRET: webhookSecret,
    HIVE_SEALING_KEYS: `key1:${randomBytes(32).toString("base64")}`,
    HIVE_SIGNING_KEY: newSigningKey(),
  };
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
