/** OpenAI's Chat Completions (https://platform.openai.com/docs/api-reference/chat), which most servers imitate. */
import { countFrom, modelFrom, MOST_SEARCHES, NO_MODEL, readInput } from "../call-request.ts";
import { type Fields, listOf, objectOf, tokensOf } from "../json.ts";
import type { UsageTally } from "../usage-tally.ts";
import type { Dialect } from "./dialect.ts";
import { openaiError, openaiFinalStatus, REACHES_OUT } from "./openai-error.ts";

/** For a request that names no limit: the most any of the provider's models answers. */
const MOST_OUTPUT_TOKENS = 128_000;
const MOST_CHOICES = 128;

export const chat: Dialect = {
  read(body, bytes) {
    const model = modelFrom(body["model"]);
    if (model === null) {
      return NO_MODEL;
    }
    const input = readInput(body, bytes.byteLength, refusedPart);
    if (input.refused !== null) {
      return { ok: false, message: input.refused };
    }
    if (body["service_tier"] === "priority") {
      return {
        ok: false,
        message: "The LLM gateway does not pass on service_tier: priority, whose price it does not know",
      };
    }
    const each = countFrom(body["max_completion_tokens"] ?? body["max_tokens"], MOST_OUTPUT_TOKENS);
    const outputTokens = each * Math.min(countFrom(body["n"], 1), MOST_CHOICES);
    const webSearches = body["web_search_options"] === undefined ? 0 : MOST_SEARCHES;
    const worst = { inputTokens: input.inputTokens, outputTokens, webSearches };
    return { ok: true, model, worst, body: withUsage(body, bytes) };
  },
  usage: {
    event(tally, event) {
      tally.named(event["model"]);
      for (const choice of listOf(event["choices"])) {
        const delta = objectOf(objectOf(choice)["delta"]);
        tally.text(delta["content"]);
        tally.text(delta["reasoning_content"] ?? delta["reasoning"]);
        for (const call of listOf(delta["tool_calls"])) {
          tally.text(objectOf(objectOf(call)["function"])["arguments"]);
        }
      }
      if (typeof event["usage"] === "object" && event["usage"] !== null) {
        takeUsage(tally, objectOf(event["usage"]));
        // Some servers send the figures so far with every event; the last ones come without a choice or with its end.
        if (listOf(event["choices"]).every((choice) => objectOf(choice)["finish_reason"] != null)) {
          tally.ended();
        }
      }
      if (event["error"] !== undefined && !tally.begun) {
        tally.ended();
      }
    },
    document(tally, answer) {
      const completion = objectOf(answer);
      tally.named(completion["model"]);
      takeUsage(tally, objectOf(completion["usage"]));
      if (objectOf(completion["usage"])["prompt_tokens"] !== undefined) {
        tally.ended();
      }
    },
  },
  error: openaiError,
  finalStatus: openaiFinalStatus,
};

function takeUsage(tally: UsageTally, usage: Fields): void {
  const prompt = tokensOf(usage["prompt_tokens"]);
  const details = objectOf(usage["prompt_tokens_details"]);
  const read = tokensOf(details["cached_tokens"]) ?? 0;
  const written = tokensOf(details["cache_write_tokens"]) ?? 0;
  tally.counted({
    // What came from a cache is a part of the prompt's count.
    inputTokens: prompt === null ? null : Math.max(prompt - read - written, 0),
    outputTokens: tokensOf(usage["completion_tokens"]),
    cacheReadTokens: read,
    cacheWriteTokens: written,
  });
}

/** Streams say what they used only when they are asked to. Nothing else of the body changes, not even its spaces. */
function withUsage(body: Fields, bytes: Buffer): Buffer {
  const options = objectOf(body["stream_options"]);
  if (body["stream"] !== true || options["include_usage"] === true) {
    return bytes;
  }
  if (body["stream_options"] != null) {
    return Buffer.from(JSON.stringify({ ...body, stream_options: { ...options, include_usage: true } }));
  }
  const end = bytes.lastIndexOf("}");
  return Buffer.concat([
    bytes.subarray(0, end),
    Buffer.from(',"stream_options":{"include_usage":true}'),
    bytes.subarray(end),
  ]);
}

function refusedPart(object: Fields): string | null {
  const url = objectOf(object["image_url"])["url"];
  const fileId = objectOf(object["file"])["file_id"];
  return (typeof url === "string" && !url.startsWith("data:")) || fileId !== undefined
    ? `The LLM gateway does not pass on content by address: ${REACHES_OUT}. Send it in the request`
    : null;
}
