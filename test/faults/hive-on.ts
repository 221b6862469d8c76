/** One dispatcher on a store of its own, where the test says how each of both programs is started. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import type { StoreKind } from "./scenario.ts";

/** `CALLBACK_SECRET` of these servers: what their workers register with. */
export const WORKER_SECRET = "the-secret-of-the-workers-of-a-fault-run";

export interface HiveOn extends AsyncDisposable {
  readonly server: HiveProcess;
  /** Null on SQLite. */
  readonly redis: RedisServer | null;
}

/** Starts them. `data`: the dispatcher's folder, default a new one. */
export async function startHiveOn(
  store: StoreKind,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly redis?: RedisOptions;
    readonly data?: string;
    /** Milliseconds. Default 2,000. */
    readonly leaseMs?: number;
  } = {},
): Promise<HiveOn> {
  const rooms = new AsyncDisposableStack();
  try {
    const redis = store === "redis" ? await startRedis(options.redis) : null;
    if (redis !== null) rooms.defer(() => redis.dispose());
    const server = await startHive({
      env: {
        HIVE_WORKERS: "0",
        // Said here, for the folder they would be made in may be another one.
        INTERNAL_API_TOKEN: "the-token-of-the-owner-of-a-fault-run",
        CALLBACK_SECRET: WORKER_SECRET,
        HIVE_LEASE_MS: String(options.leaseMs ?? 2_000),
        ...(options.data === undefined ? {} : { HIVE_DATA: options.data }),
        ...(redis === null ? {} : { HIVE_STORE: redis.url }),
        ...options.env,
      },
    });
    rooms.defer(() => server.dispose());
    return { server, redis, [Symbol.asyncDispose]: () => rooms.disposeAsync() };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}

/** A temporary folder that goes with the run. */
export function temporaryFolder(name: string): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), `hive-${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
