/** Errors on the wire: RFC 9457 `application/problem+json` with a stable `code`. */

import { ERRORS, type ErrorCode, type HiveError } from "@hive/core";
import { z } from "zod";

export const PROBLEM_MEDIA_TYPE = "application/problem+json";

export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  /** Names the bad value and the next step. */
  detail: z.string(),
  /** May the same request be sent again? */
  retry: z.boolean(),
  /** All problems of the request's fields, when there are any. */
  fields: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** The reply for an error. `details` become members of the problem, as RFC 9457 allows. */
export function problemOf(error: HiveError): Problem {
  const row = ERRORS[error.code];
  return {
    ...error.details,
    type: `urn:hive:error:${error.code}`,
    title: row.title,
    status: row.status,
    code: error.code,
    detail: error.message,
    retry: row.retry,
  };
}

/** True for a code of Hive's own table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
