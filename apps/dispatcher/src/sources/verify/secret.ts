/** Comparing what a sender presents with what was agreed: in a time that says nothing about how much of it was right. */

import { createHmac, timingSafeEqual } from "node:crypto";
import { HiveError } from "@hive/core";

/** True when both are the same. */
export function sameText(given: string, expected: string): boolean {
  // Of equal length whatever was given, so that not even the length is told.
  const digest = (text: string): Buffer => createHmac("sha256", "hive/compare").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** The refusal of a hook; `why` names what is missing or wrong, never a secret. */
export function refuseHook(why: string): HiveError {
  return new HiveError("unauthorized", `The delivery was not taken: ${why}`);
}
