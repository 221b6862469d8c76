/**
 * The gateway's own refusals, readable for both who may ask: a problem of Hive (`code`, `detail`) that is at the same time
 * an error of the API that was called, so that an agent's CLI shows the message to its user and does not ask again where
 * that is of no use.
 */
import type { ServerResponse } from "node:http";
import { type ErrorCode, HiveError } from "@hive/core";
import { PROBLEM_MEDIA_TYPE, problemOf } from "@hive/protocol";
import type { Dialect } from "./dialects/dialect.ts";

/** Seconds a client is asked to wait before it repeats what may be repeated. */
const RETRY_AFTER = "2";

/** Answers with this problem; an answer already begun is cut instead, so that nobody takes it for a whole one. */
export function answerProblem(response: ServerResponse, dialect: Dialect, code: ErrorCode, message: string): void {
  if (response.destroyed || response.writableEnded) {
    return;
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(new HiveError(code, message));
  const status = problem.retry ? problem.status : dialect.finalStatus(problem.status);
  const body = JSON.stringify({ ...problem, status, ...dialect.error(status, code, message) });
  response.writeHead(status, {
    "content-type": PROBLEM_MEDIA_TYPE,
    "content-length": Buffer.byteLength(body),
    // Anthropic's clients repeat 409, 429 and 5xx ten times for more than a minute unless they are told not to.
    ...(problem.retry ? { "retry-after": RETRY_AFTER } : { "x-should-retry": "false" }),
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
