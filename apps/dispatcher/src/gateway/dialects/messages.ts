/** Anthropic's Messages API (https://docs.anthropic.com/en/api/messages), as Claude Code speaks it. */
import { countFrom, modelFrom, MOST_SEARCHES, NO_MODEL, readInput } from "../call-request.ts";
import { type Fields, listOf, objectOf, textOf, tokensOf } from "../json.ts";
import type { UsageTally } from "../usage-tally.ts";
import type { Dialect } from "./dialect.ts";

/** For a request without `max_tokens`, which only servers that imitate this API take. */
const MOST_OUTPUT_TOKENS = 128_000;

/** Tools that the provider itself runs, with connections of its own. Searching the web is not one: it opens no address. */
const REACHING_TOOLS = /^(web_fetch|code_execution|mcp_toolset)/;

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  409: "permission_error",
  413: "request_too_large",
  415: "invalid_request_error",
  429: "rate_limit_error",
};

export const messages: Dialect = {
  read(body, bytes) {
    const model = modelFrom(body["model"]);
    if (model === null) {
      return NO_MODEL;
    }
    const refused = refusedField(body);
    const input = readInput(body, bytes.byteLength, refusedPart);
    const message = refused ?? input.refused;
    if (message !== null) {
      return { ok: false, message };
    }
    const outputTokens = countFrom(body["max_tokens"], MOST_OUTPUT_TOKENS);
    const search = listOf(body["tools"])
      .map(objectOf)
      .find(({ type }) => textOf(type).startsWith("web_search"));
    const webSearches = search === undefined ? 0 : countFrom(search["max_uses"], MOST_SEARCHES);
    return { ok: true, model, worst: { inputTokens: input.inputTokens, outputTokens, webSearches }, body: bytes };
  },
  usage: {
    event(tally, event) {
      switch (event["type"]) {
        case "message_start":
          takeMessage(tally, objectOf(event["message"]));
          break;
        case "content_block_delta": {
          const delta = objectOf(event["delta"]);
          tally.text(delta["text"] ?? delta["partial_json"] ?? delta["thinking"]);
          break;
        }
        case "message_delta":
          // Its counts are totals, not additions.
          if (event["usage"] !== undefined) {
            takeUsage(tally, objectOf(event["usage"]));
            tally.ended();
          }
          break;
        case "error":
          // Instead of an answer, which then cost nothing; in the middle of one it ends the figures there are.
          if (!tally.begun) {
            tally.ended();
          }
          break;
        default:
      }
    },
    document(tally, answer) {
      const message = objectOf(answer);
      takeMessage(tally, message);
      if (message["usage"] !== undefined) {
        tally.ended();
      }
    },
  },
  error: (status, _code, message) => ({ error: { type: ERROR_TYPES[status] ?? "api_error", message } }),
  // Claude Code repeats a 400 five times with less in it each time; the others it takes as they are, being told to.
  finalStatus: (status) => status,
};

function takeMessage(tally: UsageTally, message: Fields): void {
  tally.named(message["model"]);
  takeUsage(tally, objectOf(message["usage"]));
}

function takeUsage(tally: UsageTally, usage: Fields): void {
  tally.counted({
    inputTokens: tokensOf(usage["input_tokens"]),
    outputTokens: tokensOf(usage["output_tokens"]),
    cacheReadTokens: tokensOf(usage["cache_read_input_tokens"]),
    cacheWriteTokens: tokensOf(usage["cache_creation_input_tokens"]),
    cacheWrite1hTokens: tokensOf(objectOf(usage["cache_creation"])["ephemeral_1h_input_tokens"]),
    webSearches: tokensOf(objectOf(usage["server_tool_use"])["web_search_requests"]),
  });
}

/** What the request asks of the provider beyond an answer. */
function refusedField(body: Fields): string | null {
  if (body["mcp_servers"] !== undefined || body["container"] !== undefined) {
    return "The LLM gateway does not pass on mcp_servers and containers: the provider would reach the outside for this job";
  }
  if (body["speed"] !== undefined && body["speed"] !== "standard") {
    return "The LLM gateway does not pass on speed, whose price it does not know";
  }
  const tool = listOf(body["tools"])
    .map((each) => textOf(objectOf(each)["type"]))
    .find((type) => REACHING_TOOLS.test(type));
  return tool === undefined
    ? null
    : `The LLM gateway does not pass on the tool ${tool}: the provider would reach the outside for this job`;
}

/** A picture or document that the provider would fetch, or that lies in the operator's account. */
function refusedPart(object: Fields): string | null {
  const source = objectOf(object["source"]);
  return source["type"] === "url" || source["type"] === "file"
    ? "The LLM gateway does not pass on content by address: send it in the request"
    : null;
}
