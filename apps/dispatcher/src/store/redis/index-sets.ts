/** Finds the sets that a collection's indexes lie in: Redis has no other way to name them than to look at every key. */

import type { Election } from "../contract.ts";
import type { RedisConnection } from "./connection.ts";
import { renew } from "./election.ts";
import type { RedisKeys } from "./keys.ts";
import { textsIn } from "./replies.ts";

/** Keys looked at in one step. */
const KEYS = 500;
/** Steps between two renewals: about a tenth of a second. */
const STEPS = 32;

export interface FindingSets {
  readonly connection: RedisConnection;
  readonly keys: RedisKeys;
  readonly election: Election;
}

/**
 * The names of the sets, some at a time and perhaps more than once. There may be millions of keys, of logs or of somebody
 * else, and standbys must not take the search for silence: they would elect themselves, and begin the same search.
 * @throws StoreFenced when another was elected meanwhile
 */
export async function* indexSets(
  { connection, keys, election }: FindingSets,
  collection: string,
): AsyncGenerator<readonly string[]> {
  let cursor = "0";
  for (let step = 1; ; step += 1) {
    // The prefix is letters, digits and a few signs that mean nothing in a pattern; so is the name.
    const match = `${keys.start}ix:${collection}.*`;
    const found = await connection.command(["SCAN", cursor, "MATCH", match, "COUNT", String(KEYS)]);
    const [next, names] = Array.isArray(found) ? found : [];
    const sets = textsIn(names);
    if (sets.length > 0) yield sets;
    if (typeof next !== "string" || next === "0") return;
    cursor = next;
    if (step % STEPS === 0) await renew(connection, keys, election);
  }
}
