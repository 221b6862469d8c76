/** Where a list goes on, as opaque text. A cursor that is not one of ours is refused; it can name nothing but a place. */

import { HiveError } from "@hive/core";
import type { Cursor } from "../store/contract.ts";

export function encodeCursor(cursor: Cursor | null): string | null {
  return cursor === null ? null : Buffer.from(JSON.stringify([cursor.range, cursor.id])).toString("base64url");
}

/** @throws HiveError `invalid_field` */
export function decodeCursor(text: string): Cursor {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    if (Array.isArray(parsed) && parsed.length === 2) {
      const [range, id] = parsed as unknown[];
      const isPlace = (typeof range === "number" && Number.isFinite(range)) || typeof range === "string";
      if (isPlace && typeof id === "string") return { range, id };
    }
  } catch {
    // Not ours: refused below.
  }
  throw new HiveError("invalid_field", "cursor: it is not one this server gave; begin the list again without it", {
    fields: [{ path: "cursor", message: "is not one this server gave" }],
  });
}
