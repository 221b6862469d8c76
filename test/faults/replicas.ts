/** Dispatchers of one store as real programs, without workers: one on SQLite, or any number on a Redis of their own. */
import { randomBytes } from "node:crypto";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { startRedis, type RedisServer } from "../peers/redis/redis-server.ts";
import type { StoreKind } from "./scenario.ts";

export interface ReplicasOptions {
  readonly store: StoreKind;
  /** On SQLite 1. */
  readonly count: number;
  /** Beside the secrets that all of them share. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where they find Redis. Default: a Redis of their own. */
  readonly redisUrl?: string;
}

export interface Replicas extends AsyncDisposable {
  readonly servers: readonly HiveProcess[];
  /** One address each. */
  readonly urls: readonly [string, ...string[]];
  readonly token: string;
  /** `CALLBACK_SECRET` */
  readonly secret: string;
  /** Null: on SQLite, or on a Redis of somebody else. */
  readonly redis: RedisServer | null;
  port(n: number): number;
}

/** Secrets that the dispatchers of one store share, as variables. */
function sharedSecrets(): Record<string, string> {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), randomBytes(32)]);
  return {
    INTERNAL_API_TOKEN: randomBytes(24).toString("base64url"),
    CALLBACK_SECRET: randomBytes(24).toString("base64url"),
    HIVE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString("base64")}`,
    HIVE_SEALING_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    HIVE_SIGNING_KEY: pkcs8.toString("base64"),
  };
}

/** Starts them one after the other and waits until each is there. */
export async function startReplicas(options: ReplicasOptions): Promise<Replicas> {
  const rooms = new AsyncDisposableStack();
  try {
    const redis = options.store === "redis" && options.redisUrl === undefined ? await startRedis() : null;
    if (redis !== null) rooms.defer(() => redis.dispose());
    const redisUrl = options.redisUrl ?? redis?.url;
    const secrets = sharedSecrets();
    const servers: HiveProcess[] = [];
    for (let n = 0; n < options.count; n += 1) {
      const env = { HIVE_WORKERS: "0", ...secrets, ...(redisUrl === undefined ? {} : { HIVE_STORE: redisUrl }) };
      const server = await startHive({ env: { ...env, ...options.env } });
      rooms.defer(() => server.dispose());
      servers.push(server);
    }
    const [first, ...others] = servers.map(({ port }) => `http://127.0.0.1:${port}`);
    if (first === undefined) throw new RangeError("at least one dispatcher must be asked for");
    return {
      servers,
      urls: [first, ...others],
      token: secrets["INTERNAL_API_TOKEN"] ?? "",
      secret: secrets["CALLBACK_SECRET"] ?? "",
      redis,
      port: (n) => servers[n]?.port ?? 0,
      [Symbol.asyncDispose]: () => rooms.disposeAsync(),
    };
  } catch (error) {
    await rooms.disposeAsync();
    throw error;
  }
}
