/**
 * Lease tokens without cryptography: signing happens in threads of the machine, which no seed repeats. What a token
 * says, and that the queue must still have its lease, is as in the real one.
 */

import { HiveError } from "@hive/core";
import type { Audience } from "@hive/protocol";
import type { LeaseTokens } from "../../apps/dispatcher/src/auth/lease-tokens.ts";

interface Words {
  readonly jobId: string;
  readonly fence: number;
  readonly attempt: number;
  readonly electionId: string;
  readonly workerId: string;
  readonly jti: string;
}

/** What mints and reads them. Tokens of an earlier life of the dispatcher are read too, as with one signing key. */
export function simulatedTokens(): LeaseTokens {
  const known = new Map<string, ReturnType<LeaseTokens["verify"]>>();
  return {
    publicKey: { kty: "OKP", crv: "Ed25519", x: "", kid: "simulated", alg: "EdDSA", use: "sig" },
    mint(lease, job, electionId) {
      const words: Words = {
        jobId: job.id,
        fence: lease.fence,
        attempt: (job.run?.attempts ?? 0) + (lease.begunAt === null ? 1 : 0),
        electionId,
        workerId: lease.workerId,
        jti: lease.salt,
      };
      const token = JSON.stringify(words);
      return Promise.resolve({ worker: token, llm: `llm ${token}`, egress: `egress ${token}` });
    },
    verify(token, audience) {
      const before = known.get(token);
      if (before !== undefined) return before;
      const prefix = audience === "worker" ? "" : `${String(audience)} `;
      if (!token.startsWith(`${prefix}{`)) throw new HiveError("unauthorized", `not a token for ${String(audience)}`);
      const words = JSON.parse(token.slice(prefix.length)) as Words;
      const lease = {
        ...words,
        audience: audience as Audience,
        boundTo: (salt: string) => salt === words.jti,
        boundIn: null,
      };
      known.set(token, lease);
      return lease;
    },
  };
}
