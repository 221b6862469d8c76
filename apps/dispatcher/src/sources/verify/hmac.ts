/** Signatures of webhooks: an HMAC-SHA256 over the raw bytes, as GitHub, Grafana, Sentry, Linear and many others send it. */

import { createHmac } from "node:crypto";
import { z } from "zod";
import { secretPlace, type SecretPlace } from "../../credentials/repo-rules.ts";
import { duration } from "../../duration.ts";
import type { HookRequest } from "../contract.ts";
import { refuseHook, sameText } from "./secret.ts";

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, "must be the name of a header")
  .transform((name) => name.toLowerCase());

/** How a sender signs; what is left out is as most do it. */
export const hmacSchema = z.strictObject({
  secret: secretPlace,
  /** The header with the signature. */
  header: headerName,
  /** What stands before it, such as `sha256=`. Default: nothing. */
  prefix: z.string().max(32).default(""),
  encoding: z.enum(["hex", "base64"]).default("hex"),
  /** A header with the time it was sent, Unix seconds or milliseconds. Default: none is looked at. */
  timestampHeader: headerName.optional(),
  /** What is signed: `body`, or the timestamp, a separator and the body. Default: `body`. */
  signed: z.enum(["body", "timestamp:body", "timestamp.body"]).default("body"),
  /** How far the timestamp may be off. Default 5m. */
  tolerance: duration({ min: 1_000, max: 86_400_000 }).default(300_000),
});
export type HmacSettings = z.output<typeof hmacSchema>;

/** @throws HiveError unauthorized */
export function verifyHmac(
  { header, prefix, encoding, timestampHeader, signed, tolerance, secret }: HmacSettings,
  request: HookRequest,
  valueOf: (place: SecretPlace) => string,
): void {
  const given = request.headers[header];
  if (given === undefined) throw refuseHook(`it has no header ${header}`);
  if (!given.startsWith(prefix)) throw refuseHook(`its header ${header} does not begin with "${prefix}"`);
  const timestamp = timestampHeader === undefined ? null : request.headers[timestampHeader];
  if (timestamp === undefined) throw refuseHook(`it has no header ${timestampHeader}`);
  const hmac = createHmac("sha256", valueOf(secret));
  if (signed !== "body") hmac.update(`${timestamp ?? ""}${signed === "timestamp:body" ? ":" : "."}`);
  const expected = hmac.update(request.body).digest(encoding);
  const presented = given.slice(prefix.length).trim();
  if (!sameText(encoding === "hex" ? presented.toLowerCase() : presented, expected))
    throw refuseHook(`its signature in ${header} does not fit its body`);
  // After the signature: a stranger learns nothing about this server's clock.
  if (timestamp !== null) checkFresh(timestamp, request.receivedAt, tolerance);
}

/** @throws HiveError unauthorized for a delivery that was sent too long ago, or in the future */
export function checkFresh(timestamp: string, receivedAt: number, toleranceMs: number): void {
  const number = /^\d{1,16}$/.test(timestamp.trim()) ? Number(timestamp) : Number.NaN;
  // Seconds until the year 5138, then it must have been milliseconds.
  const at = number < 100_000_000_000 ? number * 1_000 : number;
  if (!(Math.abs(receivedAt - at) <= toleranceMs))
    throw refuseHook(`it was sent more than ${toleranceMs / 1_000} s ago, or the clocks differ`);
}
