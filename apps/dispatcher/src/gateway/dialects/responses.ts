/** OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses), as Codex speaks it. */
import { countFrom, modelFrom, MOST_SEARCHES, NO_MODEL, readInput } from "../call-request.ts";
import { type Fields, listOf, objectOf, textOf, tokensOf } from "../json.ts";
import type { UsageTally } from "../usage-tally.ts";
import type { Dialect } from "./dialect.ts";
import { openaiError, openaiFinalStatus, REACHES_OUT } from "./openai-error.ts";

/** For a request that names no limit, as Codex's do: the most any of the provider's models answers. */
const MOST_OUTPUT_TOKENS = 128_000;

/** Tools that the provider itself runs, with connections or files of its own. Searching the web opens no address. */
const REACHING_TOOLS: ReadonlySet<unknown> = new Set(["mcp", "code_interpreter", "file_search"]);

export const responses: Dialect = {
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
    const outputTokens = countFrom(body["max_output_tokens"], MOST_OUTPUT_TOKENS);
    const searches = listOf(body["tools"]).some((tool) => textOf(objectOf(tool)["type"]).startsWith("web_search"));
    const worst = { inputTokens: input.inputTokens, outputTokens, webSearches: searches ? MOST_SEARCHES : 0 };
    return { ok: true, model, worst, body: bytes };
  },
  usage: {
    event(tally, event) {
      const { type, response, delta } = event;
      if (typeof delta === "string") {
        tally.text(delta);
      }
      if (response !== undefined) {
        takeResponse(tally, objectOf(response));
      }
      if (type === "error" && !tally.begun) {
        tally.ended();
      }
    },
    document: (tally, answer) => takeResponse(tally, objectOf(answer)),
  },
  error: openaiError,
  finalStatus: openaiFinalStatus,
};

function takeResponse(tally: UsageTally, response: Fields): void {
  tally.named(response["model"]);
  const usage = objectOf(response["usage"]);
  const input = tokensOf(usage["input_tokens"]);
  if (input !== null) {
    const details = objectOf(usage["input_tokens_details"]);
    const read = tokensOf(details["cached_tokens"]) ?? 0;
    const written = tokensOf(details["cache_write_tokens"]) ?? 0;
    tally.counted({
      // What came from a cache is a part of the input's count, as reasoning is of the output's.
      inputTokens: Math.max(input - read - written, 0),
      outputTokens: tokensOf(usage["output_tokens"]),
      cacheReadTokens: read,
      cacheWriteTokens: written,
      webSearches: listOf(response["output"]).filter((item) => objectOf(item)["type"] === "web_search_call").length,
    });
    tally.ended();
  } else if (response["status"] === "failed" && !tally.begun) {
    // Refused before a word of it was said.
    tally.ended();
  }
}

function refusedField(body: Fields): string | null {
  if (body["background"] === true) {
    return "The LLM gateway does not pass on background responses: nobody would see what they use";
  }
  const kept = ["previous_response_id", "conversation", "prompt"].find((name) => body[name] != null);
  if (kept !== undefined) {
    return `The LLM gateway does not pass on ${kept}: send the whole conversation, so that its cost is known beforehand`;
  }
  if (body["service_tier"] === "priority") {
    return "The LLM gateway does not pass on service_tier: priority, whose price it does not know";
  }
  const tools = listOf(body["tools"]).map(objectOf);
  if (tools.some(({ type }) => type === "image_generation")) {
    return "The LLM gateway does not pass on the tool image_generation, whose price is in no figure of the answer";
  }
  const tool = tools.find(({ type, environment }) => {
    return REACHING_TOOLS.has(type) || textOf(objectOf(environment)["type"]).startsWith("container");
  });
  return tool === undefined
    ? null
    : `The LLM gateway does not pass on the tool ${textOf(tool["type"])}: ${REACHES_OUT}`;
}

function refusedPart(object: Fields): string | null {
  const { type, image_url: url, file_url: fileUrl, file_id: fileId } = object;
  const isContent = type === "input_image" || type === "input_file";
  const named = (typeof url === "string" && !url.startsWith("data:")) || fileUrl != null || fileId != null;
  return isContent && named
    ? `The LLM gateway does not pass on content by address: ${REACHES_OUT}. Send it in the request`
    : null;
}
