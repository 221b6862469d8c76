/** The body of a delivery as JSON. */

import { isUtf8 } from "node:buffer";
import { parseJson } from "../http/body.ts";
import type { HookRequest } from "./contract.ts";

/** @throws HiveError `bad_request` for people when it is none, or nested deeper than Hive takes */
export function jsonBody({ body }: Pick<HookRequest, "body">): unknown {
  if (!isUtf8(body)) throw new Error("The body is not UTF-8");
  return parseJson(body.toString("utf8"));
}
