/** How a sender shows who it is: `auth:` of the types whose senders can do it in several ways. */

import { decodeWebhookSecret } from "@hive/protocol";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { secretPlace, type SecretPlace } from "../../credentials/repo-rules.ts";
import type { HookRequest } from "../contract.ts";
import { checkFresh, hmacSchema, verifyHmac } from "./hmac.ts";
import { refuseHook, sameText } from "./secret.ts";

/** Milliseconds a Standard Webhooks timestamp may be off, as its specification says. */
const STANDARD_TOLERANCE_MS = 300_000;

/** One way, and its secret. `none` must be said: then whoever reaches this server can make jobs. */
export const authSchema = z.union(
  [
    z.strictObject({ bearer: secretPlace }),
    z.strictObject({ basic: z.strictObject({ user: z.string().min(1).max(256), password: secretPlace }) }),
    z.strictObject({ hmac: hmacSchema }),
    z.strictObject({ standardWebhooks: secretPlace }),
    z.literal("none"),
  ],
  "must be one of bearer, basic, hmac, standardWebhooks, or none",
);
export type Auth = z.output<typeof authSchema>;

/** Where the secret of this way is. */
export function secretsOf(auth: Auth): readonly SecretPlace[] {
  if (auth === "none") return [];
  if ("bearer" in auth) return [auth.bearer];
  if ("basic" in auth) return [auth.basic.password];
  return ["hmac" in auth ? auth.hmac.secret : auth.standardWebhooks];
}

/** @throws HiveError unauthorized, naming what is missing or wrong */
export function verifyAuth(auth: Auth, request: HookRequest, secret: (place: SecretPlace) => string): void {
  if (auth === "none") return;
  const { authorization } = request.headers;
  if ("bearer" in auth) {
    const token = /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
    if (token === undefined) throw refuseHook('it has no header "Authorization: Bearer …"');
    if (!sameText(token, secret(auth.bearer))) throw refuseHook("its bearer token is not the one of this source");
  } else if ("basic" in auth) {
    const encoded = /^basic +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
    if (encoded === undefined) throw refuseHook('it has no header "Authorization: Basic …"');
    const expected = `${auth.basic.user}:${secret(auth.basic.password)}`;
    if (!sameText(Buffer.from(encoded, "base64").toString("utf8"), expected))
      throw refuseHook("its user or password is not the one of this source");
  } else if ("hmac" in auth) verifyHmac(auth.hmac, request, secret);
  else verifyStandard(request, secret(auth.standardWebhooks));
}

/** Standard Webhooks: `webhook-id`, `webhook-timestamp`, and one of several signatures that fits. */
function verifyStandard({ headers, body, receivedAt }: HookRequest, secret: string): void {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (id === undefined || timestamp === undefined || signatures === undefined)
    throw refuseHook("it lacks one of webhook-id, webhook-timestamp and webhook-signature");
  const key = keyOf(secret);
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
  const given = signatures.split(" ").filter((one) => one.startsWith("v1,"));
  if (!given.some((one) => sameText(one.slice(3), expected))) throw refuseHook("none of its signatures fits its body");
  checkFresh(timestamp, receivedAt, STANDARD_TOLERANCE_MS);
}

/** A start knows of no secret what it is for, so one of another kind is found here. */
function keyOf(secret: string): Uint8Array {
  try {
    return decodeWebhookSecret(secret);
  } catch {
    throw refuseHook("the secret that this server has for it is no key of Standard Webhooks (whsec_…)");
  }
}
