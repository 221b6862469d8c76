/**
 * How a long-lived worker proves that it knows `CALLBACK_SECRET` without sending it: an HMAC over the time, a nonce and
 * its registration id, under a key derived from the secret for this one purpose. A nonce is taken once.
 */

const encoder = new TextEncoder();

/** How far the worker's clock may be off, in milliseconds. */
export const PROOF_TOLERANCE_MS = 300_000;

/**
 * A key for one purpose, from the secret both sides share (HKDF-SHA-256, RFC 5869).
 * `purpose` is part of the key: a value made for one purpose is worthless for another.
 */
export async function deriveKey(secret: string, purpose: string, bytes = 32): Promise<Uint8Array> {
  const base = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveBits"]);
  const info = encoder.encode(`hive/${purpose}`);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info },
    base,
    bytes * 8,
  );
  return new Uint8Array(bits);
}

/** What is signed when a worker registers. */
export interface ProofInput {
  readonly registrationId: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly nonce: string;
}

/** Base64url HMAC-SHA256 of the proof's text under the registration key. */
export async function registrationMac(secret: string, input: ProofInput): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    (await deriveKey(secret, "worker-registration")) as Uint8Array<ArrayBuffer>,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const text = [input.registrationId, input.name, String(input.at), input.nonce].join("\n");
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text)));
  return btoa(String.fromCharCode(...mac))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
