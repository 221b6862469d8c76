/**
 * The dispatchers of one store as real programs, without workers: one on SQLite, or any number on a Redis of their own.
 * Every scenario has its dispatchers from here; `world.ts` puts workers, a backend and a repository beside them.
 */
import { randomBytes } from "node:crypto";
import { createHive, type HiveClient } from "@hive/sdk";
import { newSigningKey } from "../../apps/dispatcher/src/auth/signing-key.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../peers/redis/redis-server.ts";
import { findQueen } from "./queens.ts";
import type { StoreKind } from "./scenario.ts";

export interface ReplicasOptions {
  readonly store: StoreKind;
  /** Default 1; several need `redis`. */
  readonly count?: number;
  /** Milliseconds. Default: the server's own. */
  readonly leaseMs?: number;
  /** Settings of all, beside the secrets that they share. */
  readonly env?: Readonly<Record<string, string>>;
  /** More settings of dispatcher `n`, from 0, such as `LD_PRELOAD`. */
  readonly envOf?: (n: number) => Readonly<Record<string, string>>;
  /** How their Redis is to be. Default: loses nothing it acknowledged. */
  readonly redis?: RedisOptions;
  /** Where dispatcher `n`, from 0, finds the Redis: a proxy, another namespace. Default: the Redis itself. */
  readonly storeUrl?: (redis: RedisServer, n: number) => string;
  /** A Redis of somebody else. Default: one of their own is started. */
  readonly redisUrl?: string;
}

export interface Replicas extends AsyncDisposable {
  /** In the order they were started. */
  readonly servers: readonly [HiveProcess, ...HiveProcess[]];
  /** One address each. */
  readonly urls: readonly [string, ...string[]];
  /** `INTERNAL_API_TOKEN` of all. */
  readonly token: string;
  /** `CALLBACK_SECRET` of all: what workers register with. */
  readonly secret: string;
  /** Null: on SQLite, or on a Redis of somebody else. */
  readonly redis: RedisServer | null;
  /** A client that goes to any of them. `retries`: default 8. */
  hive(retries?: number): HiveClient;
  /** The one that says it is the queen now; null while none does. */
  queen(): Promise<HiveProcess | null>;
}

/** Starts them one after the other and waits until each is there. @throws when one does not start; then nothing is left */
export async function startReplicas(options: ReplicasOptions): Promise<Replicas> {
  const rooms = new AsyncDisposableStack();
  try {
    const redis = options.store === "redis" && options.redisUrl === undefined ? await startRedis(options.redis) : null;
    if (redis !== null) rooms.defer(() => redis.dispose());
    const storeUrl = (n: number): string | undefined =>
      redis === null ? options.redisUrl : (options.storeUrl?.(redis, n) ?? redis.url);
    const secrets = sharedSecrets();
    const start = async (n: number): Promise<HiveProcess> => {
      const url = storeUrl(n);
      const server = await startHive({
        env: {
          HIVE_WORKERS: "0",
          ...secrets,
          ...(url === undefined ? {} : { HIVE_STORE: url }),
          ...(options.leaseMs === undefined ? {} : { HIVE_LEASE_MS: String(options.leaseMs) }),
          ...options.env,
          ...options.envOf?.(n),
        },
      });
      rooms.defer(() => server.dispose());
      return server;
    };
    const servers: [HiveProcess, ...HiveProcess[]] = [await start(0)];
    for (let n = 1; n < (options.count ?? 1); n += 1) servers.push(await start(n));
    const addressOf = ({ port }: HiveProcess): string => `http://127.0.0.1:${port}`;
    const [first, ...others] = servers;
    const urls: readonly [string, ...string[]] = [addressOf(first), ...others.map(addressOf)];
    const token = secrets.INTERNAL_API_TOKEN;
    return {
      servers,
      urls,
      token,
      secret: secrets.CALLBACK_SECRET,
      redis,
      hive: (retries = 8) => createHive({ url: urls.join(","), token, retries }),
      queen: () => findQueen(servers),
      [Symbol.asyncDispose]: () => rooms.disposeAsync(),
    };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}

/** What all of them must have in common. Said here, for the folder it would be made in may be another one. */
function sharedSecrets() {
  return {
    INTERNAL_API_TOKEN: randomBytes(24).toString("base64url"),
    CALLBACK_SECRET: randomBytes(24).toString("base64url"),
    HIVE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString("base64")}`,
    HIVE_SEALING_KEYS: `key1:${randomBytes(32).toString("base64")}`,
    HIVE_SIGNING_KEY: newSigningKey(),
  };
}
