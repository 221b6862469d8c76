/**
 * What dispatchers of one store show each other. Whoever can write to the store could otherwise put an address of his
 * own into the leader's record and be handed every request with its token; and a dispatcher with other secrets would
 * refuse the tokens of all the others. The store only keeps the strings.
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { SigningKey } from "../auth/signing-key.ts";
import type { Secrets } from "../settings.ts";
import type { LeaderRecord } from "./watch.ts";

export interface LeaderProof {
  /** For the record of an election this process runs: 43 characters. */
  sign(electionId: string, url: string): string;
  /** Whether the record's address was written by somebody with the same signing key. */
  verify(record: Pick<LeaderRecord, "electionId" | "url" | "proof">): boolean;
}

export function createLeaderProof(signingKey: Pick<SigningKey, "derive">): LeaderProof {
  const key = signingKey.derive("leader-record");
  const mac = (electionId: string, url: string): Buffer =>
    createHmac("sha256", key)
      .update(JSON.stringify([electionId, url]))
      .digest();
  return {
    sign: (electionId, url) => mac(electionId, url).toString("base64url"),
    verify({ electionId, url, proof }) {
      const given = Buffer.from(proof, "base64url");
      const right = mac(electionId, url);
      return given.length === right.length && timingSafeEqual(given, right);
    },
  };
}

/**
 * Fingerprint of the five secrets that every dispatcher of a store must have in common: 22 characters from which none of
 * them can be guessed, for they are random and the fingerprint is keyed with one that never leaves the dispatchers.
 */
export function secretsId(secrets: Omit<Secrets, "path">, signingKey: Pick<SigningKey, "derive">): string {
  const { internalApiToken, callbackSecret, webhookSecret, sealingKeys, signingKey: signing } = secrets;
  const all = JSON.stringify([internalApiToken, callbackSecret, webhookSecret, sealingKeys, signing]);
  const hashed = createHash("sha256").update(all).digest();
  return createHmac("sha256", signingKey.derive("secrets-id")).update(hashed).digest("base64url").slice(0, 22);
}
