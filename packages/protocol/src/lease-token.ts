/**
 * Lease tokens: EdDSA JWTs the dispatcher signs and everybody else can only check. One per audience: `worker` for the
 * supervisor, `llm` for the gateway, `egress` for the way out. The dispatcher's own check also asks the queue whether
 * the fence is still the highest; this one is the cryptographic half.
 */

import { importJWK, jwtVerify, type JWK } from "jose";
import { z } from "zod";

export const AUDIENCES = ["worker", "llm", "egress"] as const;
export type Audience = (typeof AUDIENCES)[number];

const claimsSchema = z.object({
  /** The job. */
  sub: z.string(),
  fence: z.int(),
  attempt: z.int(),
  election: z.string(),
  /** The worker that holds the lease. */
  wid: z.string(),
  jti: z.string(),
});

export interface LeaseClaims {
  readonly jobId: string;
  readonly fence: number;
  readonly attempt: number;
  readonly electionId: string;
  readonly workerId: string;
  readonly jti: string;
}

/**
 * The claims of a lease token for this audience.
 * @throws when it is not signed by this key, is for another audience, or is expired.
 */
export async function verifyLeaseToken(token: string, key: JWK, audience: Audience): Promise<LeaseClaims> {
  const { payload } = await jwtVerify(token, await importJWK(key, "EdDSA"), {
    algorithms: ["EdDSA"],
    audience: `hive:${audience}`,
    issuer: "hive",
    typ: "hive-lease+jwt",
  });
  const claims = claimsSchema.parse(payload);
  return {
    jobId: claims.sub,
    fence: claims.fence,
    attempt: claims.attempt,
    electionId: claims.election,
    workerId: claims.wid,
    jti: claims.jti,
  };
}
