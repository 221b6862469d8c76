/** How pools read in a terminal. */

import type { Pool } from "@hive/sdk";
import { plain, table } from "./output.ts";

/** The table of `hive pools`, with what is in the way of a pool below it. */
export function poolTable(pools: readonly Pool[]): string {
  if (pools.length === 0) return "This server starts no workers itself (HIVE_WORKERS is 0).";
  const rows = pools.map((pool) => [
    pool.name,
    pool.provider,
    String(pool.desired),
    `${pool.min} to ${pool.max}`,
    String(pool.workers.starting),
    String(pool.workers.idle),
    String(pool.workers.busy),
    String(pool.workers.draining),
    pool.state.replaceAll("_", " "),
  ]);
  const heads = ["POOL", "WHERE", "WANTED", "SIZE", "STARTING", "IDLE", "BUSY", "LEAVING", "STATE"];
  const words = pools.filter((pool) => pool.state !== "ok").map((pool) => `${pool.name}: ${plain(pool.message)}`);
  return [table(heads, rows), ...words].join("\n");
}
