/** The Gemini API's generateContent (https://ai.google.dev/api/generate-content), as the Gemini CLI speaks it. */
import { countFrom, modelFrom, MOST_SEARCHES, NO_MODEL, readInput } from "../call-request.ts";
import { type Fields, listOf, objectOf, tokensOf } from "../json.ts";
import type { UsageTally } from "../usage-tally.ts";
import type { Dialect } from "./dialect.ts";

/** For a request that names no limit: the most any of the provider's models answers. */
const MOST_OUTPUT_TOKENS = 65_536;
const MOST_CANDIDATES = 8;

/** Tools with which the provider itself opens addresses or files. Searching the web opens none that a job could choose. */
const REACHING_TOOLS = ["urlContext", "url_context", "fileSearch", "file_search", "mcpServers", "mcp_servers"];

const SEARCH_TOOLS = ["googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval"];

const STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "FAILED_PRECONDITION",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

export const generateContent: Dialect = {
  read(body, bytes, pathModel) {
    const model = modelFrom(pathModel);
    if (model === null) {
      return NO_MODEL;
    }
    const refused = refusedField(body);
    const input = readInput(body, bytes.byteLength, refusedPart);
    const message = refused ?? input.refused;
    if (message !== null) {
      return { ok: false, message };
    }
    const settings = objectOf(body["generationConfig"] ?? body["generation_config"]);
    const each = countFrom(settings["maxOutputTokens"] ?? settings["max_output_tokens"], MOST_OUTPUT_TOKENS);
    const candidates = Math.min(
      countFrom(settings["candidateCount"] ?? settings["candidate_count"], 1),
      MOST_CANDIDATES,
    );
    const searches = listOf(body["tools"]).some((tool) => SEARCH_TOOLS.some((name) => name in objectOf(tool)));
    const worst = {
      inputTokens: input.inputTokens,
      outputTokens: each * candidates,
      webSearches: searches ? MOST_SEARCHES : 0,
    };
    return { ok: true, model, worst, body: bytes };
  },
  usage: {
    event: takeChunk,
    document(tally, answer) {
      // A stream without `alt=sse` is one list of what would have been its events.
      for (const chunk of Array.isArray(answer) ? listOf(answer) : [answer]) {
        takeChunk(tally, objectOf(chunk));
      }
    },
  },
  error: (status, _code, message) => ({ error: { code: status, message, status: STATUSES[status] ?? "INTERNAL" } }),
  // The Gemini CLI repeats 429, 499 and all from 500 on, silently and for minutes.
  finalStatus: (status) => (status >= 500 || status === 429 || status === 409 ? 400 : status),
};

function takeChunk(tally: UsageTally, chunk: Fields): void {
  tally.named(chunk["modelVersion"]);
  const candidates = listOf(chunk["candidates"]).map(objectOf);
  for (const { content } of candidates) {
    for (const part of listOf(objectOf(content)["parts"]).map(objectOf)) {
      tally.text(part["text"]);
      if (part["functionCall"] !== undefined) {
        tally.text(JSON.stringify(part["functionCall"]));
      }
    }
  }
  const usage = objectOf(chunk["usageMetadata"]);
  const prompt = tokensOf(usage["promptTokenCount"]);
  if (prompt !== null) {
    const cached = tokensOf(usage["cachedContentTokenCount"]) ?? 0;
    const tools = tokensOf(usage["toolUsePromptTokenCount"]) ?? 0;
    const answered = tokensOf(usage["candidatesTokenCount"]) ?? 0;
    const thought = tokensOf(usage["thoughtsTokenCount"]) ?? 0;
    tally.counted({
      // What came from a cache is a part of the prompt's count; what was thought is no part of the answer's.
      inputTokens: Math.max(prompt - cached, 0) + tools,
      outputTokens: answered + thought,
      cacheReadTokens: cached,
    });
  }
  const searches = candidates.flatMap((one) => listOf(objectOf(one["groundingMetadata"])["webSearchQueries"])).length;
  if (searches > 0) {
    tally.counted({ webSearches: searches });
  }
  const blocked = objectOf(chunk["promptFeedback"])["blockReason"] !== undefined;
  if (prompt !== null && (blocked || candidates.some((one) => one["finishReason"] !== undefined))) {
    tally.ended();
  }
}

function refusedField(body: Fields): string | null {
  if (body["cachedContent"] !== undefined || body["cached_content"] !== undefined) {
    return "The LLM gateway does not pass on cachedContent: send the whole conversation, so that its cost is known beforehand";
  }
  const tool = listOf(body["tools"])
    .flatMap((each) => Object.keys(objectOf(each)))
    .find((name) => REACHING_TOOLS.includes(name));
  return tool === undefined
    ? null
    : `The LLM gateway does not pass on the tool ${tool}: the provider would reach the outside for this job`;
}

function refusedPart(object: Fields): string | null {
  return object["fileData"] !== undefined || object["file_data"] !== undefined
    ? "The LLM gateway does not pass on content by address: send it in the request"
    : null;
}
