/**
 * Standard Webhooks 1.0, the symmetric kind: how the dispatcher signs callbacks and how a backend checks them. Plain
 * WebCrypto, so that the SDK can offer the same check to servers, edge workers and browsers.
 * The signed text is `id.timestamp.body`; the body must be the bytes as received, before any JSON parser saw them.
 */

/** How far a message's time may be from now, in seconds, to either side. */
export const WEBHOOK_TOLERANCE_SECONDS = 300;

/** The three headers every callback carries. */
export interface WebhookHeaders {
  /** Names the message; the same on every retry, so that a receiver can drop what it already has. */
  readonly "webhook-id": string;
  /** Seconds since 1970 of this attempt. */
  readonly "webhook-timestamp": string;
  /** One `v1,base64` per secret, separated by spaces. */
  readonly "webhook-signature": string;
}

export interface WebhookMessage {
  /** Must not contain a full stop: it is what keeps the parts of the signed text apart. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string | Uint8Array;
}

/** `whsec_` and 24 to 64 bytes in base64. Several while one is being replaced: each signs, any one of them verifies. */
export type WebhookSecrets = string | readonly string[];

export type WebhookRefusal = "missing_headers" | "bad_timestamp" | "too_old" | "too_new" | "no_matching_signature";

export type WebhookVerdict =
  | { readonly ok: true; readonly id: string /** Seconds since 1970. */; readonly timestamp: number }
  | { readonly ok: false; readonly reason: WebhookRefusal; readonly message: string };

/** Any of the usual shapes of headers: `Headers`, Node's object, a plain record. Names in any case. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  readonly headers: HeaderSource;
  readonly body: string | Uint8Array;
  readonly secrets: WebhookSecrets;
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: number;
  /** Default 300. */
  readonly toleranceSeconds?: number;
}

const PREFIX = "whsec_";
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;
/** A header holds one signature per secret; more than this is an attempt to keep the receiver busy. */
const MAX_SIGNATURES = 32;
const encoder = new TextEncoder();

/**
 * The headers of one message, signed with every secret.
 * @throws TypeError for an id with a full stop or white space, a timestamp that is no whole number, or a bad secret.
 */
export async function signWebhook(message: WebhookMessage, secrets: WebhookSecrets): Promise<WebhookHeaders> {
  if (!/^[^.\s]{1,256}$/.test(message.id)) {
    throw new TypeError(
      `The webhook id ${JSON.stringify(message.id)} is empty, too long, or has a full stop or a space`,
    );
  }
  if (!Number.isSafeInteger(message.timestamp) || message.timestamp < 0) {
    throw new TypeError(`The webhook timestamp ${message.timestamp} is not a whole number of seconds`);
  }
  const text = signedText(message.id, String(message.timestamp), message.body);
  const macs = await Promise.all(listOf(secrets).map((secret) => macOf(secret, text)));
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(message.timestamp),
    "webhook-signature": macs.map((mac) => `v1,${toBase64(mac)}`).join(" "),
  };
}

/**
 * Was this message signed with one of the secrets, and just now? A refusal is a value. Dropping messages whose id was
 * seen before is left to the receiver.
 * @throws TypeError for a bad secret, which is the receiver's own mistake.
 */
export async function verifyWebhook(options: VerifyOptions): Promise<WebhookVerdict> {
  const { headers, body, toleranceSeconds = WEBHOOK_TOLERANCE_SECONDS } = options;
  const id = headerOf(headers, "webhook-id");
  const time = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature");
  if (id === null || time === null || signatures === null) {
    return refuse("missing_headers", "webhook-id, webhook-timestamp and webhook-signature must all be there, once");
  }
  if (!/^\d{1,15}$/.test(time)) {
    return refuse("bad_timestamp", "webhook-timestamp is not a number of seconds");
  }
  const timestamp = Number(time);
  const now = Math.floor((options.now ?? Date.now()) / 1000);
  if (now - timestamp > toleranceSeconds) {
    return refuse("too_old", `The message is ${now - timestamp} s old; at most ${toleranceSeconds} s are accepted`);
  }
  if (timestamp - now > toleranceSeconds) {
    return refuse(
      "too_new",
      `The message is from ${timestamp - now} s in the future. Check the clocks of both machines`,
    );
  }
  const text = signedText(id, time, body);
  const given = signatures.split(" ", MAX_SIGNATURES).flatMap((signature) => {
    const mac = signature.startsWith("v1,") ? fromBase64(signature.slice(3)) : null;
    return mac === null ? [] : [mac];
  });
  let matches = false;
  for (const secret of listOf(options.secrets)) {
    const mac = await macOf(secret, text);
    for (const candidate of given) {
      // No early way out: the time taken says nothing about which secret or signature fitted.
      matches = areEqual(mac, candidate) || matches;
    }
  }
  return matches
    ? { ok: true, id, timestamp }
    : refuse(
        "no_matching_signature",
        "No signature fits. Check the secret, and that the body is the bytes as received",
      );
}

/**
 * The key inside `whsec_…`.
 * @throws TypeError when it is not base64 of 24 to 64 bytes. The message does not show it.
 */
export function decodeWebhookSecret(secret: string): Uint8Array<ArrayBuffer> {
  const key = secret.startsWith(PREFIX) ? fromBase64(secret.slice(PREFIX.length)) : null;
  if (key === null || key.byteLength < MIN_KEY_BYTES || key.byteLength > MAX_KEY_BYTES) {
    throw new TypeError(
      `A webhook secret is "${PREFIX}" and ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes in base64; ` +
        `make one with: echo "${PREFIX}$(openssl rand -base64 32)"`,
    );
  }
  return key;
}

function listOf(secrets: WebhookSecrets): readonly string[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (list.length === 0) {
    throw new TypeError("There is no webhook secret to use");
  }
  return list;
}

function signedText(id: string, timestamp: string, body: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(`${id}.${timestamp}.`);
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const text = new Uint8Array(head.byteLength + bytes.byteLength);
  text.set(head);
  text.set(bytes, head.byteLength);
  return text;
}

async function macOf(secret: string, text: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", decodeWebhookSecret(secret), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, text));
}

/** One value of the header, or null when it is absent, empty or repeated. */
function headerOf(headers: HeaderSource, name: string): string | null {
  if (isHeaders(headers)) {
    return headers.get(name) || null;
  }
  const found = Object.keys(headers).filter((key) => key.toLowerCase() === name);
  const value = found.length === 1 && found[0] !== undefined ? headers[found[0]] : undefined;
  return typeof value === "string" && value !== "" ? value : null;
}

function isHeaders(headers: HeaderSource): headers is { get(name: string): string | null } {
  return typeof headers["get"] === "function";
}

/** Compares every byte, whatever the first ones say. Lengths are public: they are always those of SHA-256. */
function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.byteLength !== other.byteLength) {
    return false;
  }
  let difference = 0;
  for (let index = 0; index < one.byteLength; index += 1) {
    difference |= (one[index] ?? 0) ^ (other[index] ?? 0);
  }
  return difference === 0;
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) {
    return null;
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function refuse(reason: WebhookRefusal, message: string): WebhookVerdict {
  return { ok: false, reason, message };
}
