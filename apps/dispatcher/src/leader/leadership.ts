/** What a store that several dispatchers share needs to know of this one. Made once per process. */

import type { SigningKey } from "../auth/signing-key.ts";
import type { Secrets } from "../settings.ts";
import { createLeaderProof, secretsId } from "./proof.ts";
import { createLeaderWatch, TERM_MS, type LeaderWatch } from "./watch.ts";

export interface Leadership {
  /** How other dispatchers reach this one, without a slash at the end: `HIVE_ADVERTISE_URL`. */
  readonly url: string;
  /** Fingerprint of this dispatcher's secrets; see `StoreSecretsDiffer`. */
  readonly secretsId: string;
  /** Milliseconds of a term. */
  readonly termMs: number;
  /** Shared by all handles on the store. */
  readonly watch: LeaderWatch;
  /** The record's `proof` for an election with this id. */
  readonly prove: (electionId: string) => string;
}

export function createLeadership(options: {
  readonly url: string;
  readonly secrets: Omit<Secrets, "path">;
  readonly signingKey: SigningKey;
  readonly mono: () => number;
}): Leadership {
  const { url, secrets, signingKey, mono } = options;
  const proof = createLeaderProof(signingKey);
  return {
    url,
    secretsId: secretsId(secrets, signingKey),
    termMs: TERM_MS,
    watch: createLeaderWatch({ ownUrl: url, termMs: TERM_MS, mono, isProven: (record) => proof.verify(record) }),
    prove: (electionId) => proof.sign(electionId, url),
  };
}
