/** The `Idempotency-Key` of a request that is safe to send again. */

import type { IncomingHttpHeaders } from "node:http";
import { HiveError } from "@hive/core";

const FORM = /^[\x21-\x7e]{1,255}$/;

/** The key as it was sent; null: there is none. @throws HiveError invalid_field */
export function idempotencyKey(headers: IncomingHttpHeaders): string | null {
  const key = headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key === "string" && FORM.test(key)) return key;
  throw new HiveError("invalid_field", "Idempotency-Key: must be 1 to 255 visible characters", {
    fields: [{ path: "Idempotency-Key", message: "must be 1 to 255 visible characters" }],
  });
}
