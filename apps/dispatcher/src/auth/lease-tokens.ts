/**
 * The three tokens of a lease: EdDSA JWTs, one per audience. Minting is deterministic (the token's id comes from the
 * lease's stored random salt), so a claim that is repeated gets the same tokens although none is stored.
 *
 * What makes a token worth something: our signature, its audience, and that the queue's lease with this fence still has
 * the salt the token's id was derived from. A restored backup may grant a fence that was granted before; its salt is
 * another, so the older token is worthless. `lease-access.ts` asks the queue; this file is the cryptographic half.
 */

import { createHmac, hash, sign, timingSafeEqual, verify } from "node:crypto";
import { HiveError, type Job, type Lease } from "@hive/core";
import { AUDIENCES, type Audience, type LeaseClaims } from "@hive/protocol";
import { z } from "zod";
import type { PublicJwk, SigningKey } from "./signing-key.ts";

/** Tokens verified before are remembered: a signature costs 0.15 ms to check, a heartbeat must not. */
const REMEMBERED = 20_000;
/** A token outlives its job's time limit by this much, for salvage and clean-up; the fence ends it much earlier. */
const GRACE_MS = 3_600_000;

const headerSchema = z.object({ alg: z.literal("EdDSA"), typ: z.literal("hive-lease+jwt"), kid: z.string() });
const payloadSchema = z.object({
  iss: z.literal("hive"),
  aud: z.string(),
  sub: z.string(),
  fence: z.int(),
  attempt: z.int(),
  election: z.string(),
  wid: z.string(),
  jti: z.string(),
  iat: z.int(),
  exp: z.int(),
});

/** What a token says once its signature was checked. */
export interface VerifiedLease extends LeaseClaims {
  readonly audience: Audience;
  /** True when the id belongs to a lease with this salt. */
  boundTo(salt: string): boolean;
  /** The election in which the queue confirmed that, or null. Written by the mint and by `lease-access.ts`. */
  boundIn: string | null;
}

export interface LeaseTokens {
  /** Signs the lease's three tokens. */
  mint(
    lease: Lease,
    job: Pick<Job, "id" | "timeoutMs" | "run">,
    electionId: string,
  ): Promise<Readonly<Record<Audience, string>>>;
  /**
   * `audience`: one, or several of which each will do.
   * @throws HiveError `unauthorized` when it is not ours, not a lease token, expired or for another audience (the
   * message says which one it is for).
   */
  verify(token: string, audience: Audience | readonly Audience[], wall: number): VerifiedLease;
  /** The key workers check with. */
  readonly publicKey: PublicJwk;
}

export function createLeaseTokens(key: SigningKey): LeaseTokens {
  const jtiKey = key.derive("lease-jti");
  const header = encode({ alg: "EdDSA", typ: "hive-lease+jwt", kid: key.kid });
  const known = new Map<string, { readonly lease: VerifiedLease; readonly exp: number }>();

  const jtiOf = (salt: string, audience: Audience): string =>
    createHmac("sha256", jtiKey).update(`${audience}\n${salt}`).digest("base64url");

  const remember = (
    token: string,
    claims: LeaseClaims,
    audience: Audience,
    exp: number,
    boundIn: string | null,
  ): VerifiedLease => {
    const lease: VerifiedLease = {
      ...claims,
      audience,
      boundTo: (salt) => equal(jtiOf(salt, audience), claims.jti),
      boundIn,
    };
    const oldest = known.size >= REMEMBERED ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    known.set(hash("sha256", token, "base64"), { lease, exp });
    return lease;
  };

  const check = (token: string): { readonly lease: VerifiedLease; readonly exp: number } => {
    const parts = token.split(".");
    const [head = "", body = "", signature = ""] = parts;
    const parsedHead = headerSchema.safeParse(decode(head));
    // The algorithm is ours, never the token's: the header must say exactly what we sign with.
    if (parts.length !== 3 || !parsedHead.success) throw refuse("it is not a lease token");
    if (parsedHead.data.kid !== key.kid) throw refuse("it was signed with a key this server does not have");
    if (!verify(null, Buffer.from(`${head}.${body}`), key.publicKey, Buffer.from(signature, "base64url"))) {
      throw refuse("its signature is wrong");
    }
    const claims = payloadSchema.safeParse(decode(body));
    const audience = AUDIENCES.find((one) => claims.data?.aud === `hive:${one}`);
    if (!claims.success || audience === undefined) throw refuse("its claims are not those of a lease");
    const { sub, fence, attempt, election, wid, jti, exp } = claims.data;
    return {
      lease: remember(
        token,
        { jobId: sub, fence, attempt, electionId: election, workerId: wid, jti },
        audience,
        exp,
        null,
      ),
      exp,
    };
  };

  return {
    publicKey: key.jwk,
    async mint(lease, job, electionId) {
      const iat = Math.floor(lease.grantedAt / 1000);
      const exp = iat + Math.ceil((job.timeoutMs + GRACE_MS) / 1000);
      // The attempt this lease is or will be: it is counted once the lease has begun.
      const attempt = (job.run?.attempts ?? 0) + (lease.begunAt === null ? 1 : 0);
      const one = async (audience: Audience): Promise<string> => {
        const jti = jtiOf(lease.salt, audience);
        const claims = { jobId: job.id, fence: lease.fence, attempt, electionId, workerId: lease.workerId, jti };
        const payload = {
          iss: "hive",
          aud: `hive:${audience}`,
          sub: job.id,
          fence: lease.fence,
          attempt,
          election: electionId,
          wid: lease.workerId,
          jti,
          iat,
          exp,
        };
        const signed = `${header}.${encode(payload)}`;
        const token = `${signed}.${(await signAside(signed, key)).toString("base64url")}`;
        remember(token, claims, audience, exp, electionId);
        return token;
      };
      const [worker, llm, egress] = await Promise.all([one("worker"), one("llm"), one("egress")]);
      return { worker, llm, egress };
    },
    verify(token, audience, wall) {
      const { lease, exp } = known.get(hash("sha256", token, "base64")) ?? check(token);
      if (![audience].flat().includes(lease.audience))
        throw refuse(`it is for "${lease.audience}", and this needs the one for "${[audience].flat().join('" or "')}"`);
      if (exp * 1000 < wall) throw refuse("it is expired");
      return lease;
    },
  };
}

/** Signs in a thread of the pool: three signatures take 0.15 ms, which the event loop has better use for. */
function signAside(text: string, key: SigningKey): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(null, Buffer.from(text), key.privateKey, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(error);
    });
  });
}

function refuse(why: string): HiveError {
  return new HiveError(
    "unauthorized",
    `This lease token was refused: ${why}. A worker gets its tokens from POST /v1/worker/claim`,
  );
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(hash("sha256", a, "buffer"), hash("sha256", b, "buffer"));
}
