/**
 * What Redis does with what it acknowledged. Killing Redis shows no difference between its settings, losing the machine's
 * power does: measured, `everysec` lost a third of the acknowledged writes of a second, `always` none. So the settings
 * are read before every election, for a Redis that was started again may have others.
 */

import type { RedisConnection } from "./connection.ts";
import { pairsIn } from "./replies.ts";

/** Each setting that must have one value, and what may be lost otherwise. */
const WANTED = [
  { name: "appendonly", value: "yes", lost: "a Redis that ends takes with it whatever came after its last snapshot" },
  {
    name: "appendfsync",
    value: "always",
    lost: "a machine that loses its power takes the jobs and results of the last seconds with it",
  },
  {
    name: "no-appendfsync-on-rewrite",
    value: "no",
    lost: "while Redis rewrites its log, a machine that loses its power takes everything since with it",
  },
  {
    name: "maxmemory-policy",
    value: "noeviction",
    lost: "a Redis that reaches its maxmemory throws jobs away",
  },
] as const;

/** What is not as it should be. */
export interface Durability {
  /** What may be lost, a sentence each; empty when nothing that Redis acknowledged is. */
  readonly warnings: readonly string[];
  /** The commands that put it right; empty when the settings could not be read. */
  readonly remedy: readonly string[];
}

/** `HIVE_DURABILITY` is `strict` and Redis may lose what it acknowledged. The message says what to do. */
export class StoreNotDurable extends Error {
  override readonly name = "StoreNotDurable";
}

/** Asks Redis for its settings. @throws what the connection throws, but not for a Redis that forbids the question */
export async function readDurability(connection: RedisConnection): Promise<Durability> {
  const warnings: string[] = [];
  const remedy: string[] = [];
  for (const { name, value, lost } of WANTED) {
    let is: string | undefined;
    try {
      is = new Map(pairsIn(await connection.command(["CONFIG", "GET", name]))).get(name);
    } catch (error) {
      if (!isForbidden(error)) throw error;
    }
    if (is === undefined)
      return {
        warnings: [`whether ${connection.place} keeps what it acknowledges is not known: its settings cannot be read`],
        remedy: [],
      };
    if (is === value) continue;
    warnings.push(`${connection.place} has ${name} ${is}: ${lost}`);
    remedy.push(`CONFIG SET ${name} ${value}`);
  }
  return { warnings, remedy };
}

/** @throws StoreNotDurable unless nothing that Redis acknowledged can be lost by its settings */
export function refuseUnlessDurable({ warnings, remedy }: Durability): void {
  if (warnings.length === 0) return;
  const put =
    remedy.length === 0
      ? "Allow this user `CONFIG GET` (ACL: +config|get), or look the settings up yourself (appendonly yes, appendfsync always, no-appendfsync-on-rewrite no, maxmemory-policy noeviction) and start with HIVE_DURABILITY=relaxed."
      : `Put it right with redis-cli, and Hive starts:\n${[...remedy, "CONFIG REWRITE"].map((line) => `  ${line}`).join("\n")}\nOr write the same into redis.conf: ${remedy.map((line) => line.replace("CONFIG SET ", "")).join(", ")}. To accept the loss, start with HIVE_DURABILITY=relaxed.`;
  throw new StoreNotDurable(
    `Jobs kept in this Redis may be lost.\n${warnings.map((line) => `  - ${line}`).join("\n")}\n${put}`,
  );
}

/** The user may not ask, or the service has no such command. */
function isForbidden(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && /^(NOPERM|ERR (unknown|command|This instance|Unsupported))/i.test(cause.message);
}
