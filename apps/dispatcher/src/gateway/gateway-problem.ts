/**
 * The gateway's own refusals, readable for both who may ask: a problem of Hive (`code`, `detail`) that is at the same time
 * an error of Anthropic's API (`error.type`, `error.message`), so that an agent's CLI shows the message to its user.
 */
import type { ServerResponse } from "node:http";
import { HiveError, type ErrorCode } from "@hive/core";
import { PROBLEM_MEDIA_TYPE, problemOf } from "@hive/protocol";

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  409: "permission_error",
  413: "request_too_large",
  415: "invalid_request_error",
  429: "rate_limit_error",
};

/** Seconds a client is asked to wait before it repeats what may be repeated. */
const RETRY_AFTER = "2";

/** Answers with this problem; an answer already begun is cut instead, so that nobody takes it for a whole one. */
export function answerProblem(response: ServerResponse, code: ErrorCode, message: string): void {
  if (response.destroyed || response.writableEnded) {
    return;
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(new HiveError(code, message));
  const type = ANTHROPIC_TYPES[problem.status] ?? "api_error";
  const body = JSON.stringify({ ...problem, error: { type, message } });
  response.writeHead(problem.status, {
    "content-type": PROBLEM_MEDIA_TYPE,
    "content-length": Buffer.byteLength(body),
    // Anthropic's clients repeat 409 and 5xx ten times for more than a minute unless they are told not to.
    ...(problem.retry ? { "retry-after": RETRY_AFTER } : { "x-should-retry": "false" }),
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
