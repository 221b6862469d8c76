/**
 * Seals the secrets of jobs, such as `githubToken`, before they reach the store, and opens them for a live lease.
 *
 * AES-256-GCM directly under a key derived for each secret (HKDF-SHA-256 from the ring's key and a random salt). There is
 * no wrapped data key: that pays off where data is too large to encrypt again or the ring's key lives in another machine,
 * and a token is neither. The derived key lifts GCM's limit of 2^32 random nonces under one key, which a busy queue would
 * meet within days. The job, the field and the key's id are authenticated: a sealed value copied to another job does not open.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 16;

/** One key of the ring. */
export interface SealingKey {
  /** Names the key in every value sealed under it. */
  readonly kid: string;
  /** 32 random bytes. */
  readonly key: Uint8Array;
}

/** Newest first: the first key seals, all of them open. */
export type KeyRing = readonly [SealingKey, ...SealingKey[]];

/** What the value belongs to; the same is needed to open it. */
export interface SealContext {
  readonly jobId: string;
  readonly field: string;
}

/** A stored sealed value: base64url text, safe to keep anywhere the ring is not. */
export const sealedSchema = z.strictObject({
  v: z.literal(1),
  kid: z.string(),
  salt: z.string(),
  /** Ciphertext and the 16 bytes of its tag. */
  ct: z.string(),
});
export type Sealed = z.infer<typeof sealedSchema>;

/**
 * A sealed value did not open. `unknown_key`: its key left the ring. `not_authentic`: it was changed, belongs to another
 * job or field, or the ring holds another key under this id.
 */
export class SealError extends Error {
  readonly reason: "unknown_key" | "not_authentic" | "malformed";

  constructor(reason: SealError["reason"], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "SealError";
    this.reason = reason;
  }
}

/**
 * Reads HIVE_SEALING_KEYS: `kid:base64,kid:base64`, newest first, each key 32 bytes.
 * @throws naming every entry it cannot take by its place and id, never by its key.
 */
export function parseKeyRing(text: string): KeyRing {
  const problems: string[] = [];
  const keys: SealingKey[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of text.split(",").entries()) {
    const [kid = "", encoded = "", ...rest] = entry.trim().split(":");
    const place = `entry ${index + 1}`;
    const key = Buffer.from(encoded, "base64");
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(kid) || rest.length > 0) {
      problems.push(`${place} is not kid:base64, with a kid of 1 to 32 letters, digits, "-" or "_"`);
    } else if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(encoded) || key.byteLength !== KEY_BYTES) {
      problems.push(`${place} (${kid}) is not ${KEY_BYTES} bytes of base64; make one with: openssl rand -base64 32`);
    } else if (seen.has(kid)) {
      problems.push(`${place} (${kid}) uses an id twice`);
    } else {
      keys.push({ kid, key });
    }
    seen.add(kid);
  }
  const [newest, ...older] = keys;
  if (problems.length > 0 || newest === undefined) {
    throw new Error(`HIVE_SEALING_KEYS: ${problems.join("; ")}`);
  }
  return [newest, ...older];
}

/** A new key with a random id, in the form HIVE_SEALING_KEYS takes. Put it first and keep the old ones behind it. */
export function generateSealingKey(): string {
  return `k${randomBytes(4).toString("hex")}:${randomBytes(KEY_BYTES).toString("base64")}`;
}

/** Seals under the newest key. Sealing the same text twice gives unrelated values. */
export function seal(ring: KeyRing, context: SealContext, plaintext: string): Sealed {
  const { kid, key } = ring[0];
  const salt = randomBytes(SALT_BYTES);
  const derived = derive(key, salt);
  const cipher = createCipheriv("aes-256-gcm", derived.key, derived.iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context, kid));
  const ct = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { v: 1, kid, salt: salt.toString("base64url"), ct: ct.toString("base64url") };
}

/** The plaintext. `stored` is whatever the store gave back. @throws SealError */
export function open(ring: KeyRing, context: SealContext, stored: unknown): string {
  const parsed = sealedSchema.safeParse(stored);
  const where = `${context.field} of job ${context.jobId}`;
  if (!parsed.success) {
    throw new SealError("malformed", `The sealed ${where} has a form this version does not know`);
  }
  const sealed = parsed.data;
  const held = ring.find(({ kid }) => kid === sealed.kid);
  if (held === undefined) {
    throw new SealError(
      "unknown_key",
      `The sealed ${where} needs the key "${sealed.kid}", which is not in HIVE_SEALING_KEYS. Put it back at the end of the list`,
    );
  }
  const bytes = Buffer.from(sealed.ct, "base64url");
  const salt = Buffer.from(sealed.salt, "base64url");
  try {
    const derived = derive(held.key, salt);
    const decipher = createDecipheriv("aes-256-gcm", derived.key, derived.iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(context, held.kid));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new SealError(
      "not_authentic",
      `The sealed ${where} did not open under the key "${held.kid}": it was changed, or that id had another key before`,
      { cause },
    );
  }
}

/** True when the value is not under the newest key and `reseal` would move it there. */
export function needsReseal(ring: KeyRing, sealed: Sealed): boolean {
  return sealed.kid !== ring[0].kid;
}

/** The same secret under the newest key; the value itself when it already is. @throws SealError as `open` does. */
export function reseal(ring: KeyRing, context: SealContext, sealed: Sealed): Sealed {
  return needsReseal(ring, sealed) ? seal(ring, context, open(ring, context, sealed)) : sealed;
}

/** The salt is new for each value, so key and nonce together are never used twice. */
function derive(key: Uint8Array, salt: Uint8Array): { key: Buffer; iv: Buffer } {
  const bytes = Buffer.from(hkdfSync("sha256", key, salt, "hive/seal/1", KEY_BYTES + IV_BYTES));
  return { key: bytes.subarray(0, KEY_BYTES), iv: bytes.subarray(KEY_BYTES) };
}

/** JSON keeps the parts apart: ("a", "bc") and ("ab", "c") must not give the same bytes. */
function associatedData({ jobId, field }: SealContext, kid: string): Buffer {
  return Buffer.from(JSON.stringify(["hive/seal/1", jobId, field, kid]));
}
