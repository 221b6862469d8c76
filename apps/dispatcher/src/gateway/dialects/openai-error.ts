/** How OpenAI's APIs say what is wrong, and which refusals their clients take as final. */
import type { Dialect } from "./dialect.ts";

/** The body of an error: `{error: {message, type, param, code}}`. */
export const openaiError: Dialect["error"] = (status, code, message) => ({
  error: { message, type: status >= 500 ? "server_error" : "invalid_request_error", param: null, code },
});

/**
 * Codex repeats every status but 400 and 429 (five times, over seven seconds), and the clients built on OpenAI's own repeat
 * 408, 409, 429 and all from 500 on: none of them repeats a 400. What is not there at all stays 404 and 405, for whoever sets
 * an address up.
 */
export const openaiFinalStatus: Dialect["finalStatus"] = (status) => (status === 404 || status === 405 ? status : 400);

/** What one of these APIs is asked for beyond an answer. */
export const REACHES_OUT = "the provider would reach the outside for this job";
