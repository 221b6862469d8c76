/** Dispatchers that share a store, for tests of one process: what each of them knows of itself, without keys. */

import { createLeaderWatch } from "./watch.ts";
import type { Leadership } from "./leadership.ts";

export interface TestLeadershipOptions {
  readonly url: string;
  readonly mono: () => number;
  /** Default 4,000. */
  readonly termMs?: number;
  readonly secretsId?: string;
}

/** One process's leadership; a record is proven when it ends in the writer's address. */
export function testLeadership({ url, mono, termMs = 4_000, secretsId = "same" }: TestLeadershipOptions): Leadership {
  const isProven = (record: { readonly url: string; readonly proof: string }): boolean =>
    record.proof === `proof of ${record.url}`;
  const watch = createLeaderWatch({ ownUrl: url, termMs, mono, isProven });
  return { url, secretsId, termMs, watch, prove: () => `proof of ${url}` };
}
