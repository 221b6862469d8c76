/** Google's Gemini API, by its public reference: the model is in the path, every chunk of a stream carries usage so far. */
import type { Figures } from "./figures.ts";
import type { Failure } from "./steps.ts";
import { type Answer, type Block, fields, list, text, tokensOf, type WireApi } from "./wire.ts";

const CALL = /^\/v1beta\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;
const COUNT = /^\/v1beta\/models\/[^/:]+:countTokens$/;
const STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};

export const geminiApi: WireApi = {
  name: "gemini",
  ask: ({ method, path, body }) => {
    const [, model, operation] = CALL.exec(path) ?? [];
    if (method !== "POST" || model === undefined || body === null) return null;
    const tools = list(body["tools"]).flatMap((tool) => list(tool["functionDeclarations"]));
    return {
      model,
      stream: operation === "streamGenerateContent",
      tools: tools.map((tool) => ({ name: text(tool["name"]), freeform: false })),
    };
  },
  plain: ({ method, path }) =>
    method === "POST" && COUNT.test(path) ? { status: 200, body: { totalTokens: 1_000 } } : null,
  stream: (answer, { query }) => {
    const parts = answer.blocks.flatMap(partsOf);
    const chunks = parts.map((part, n) => responseOf(answer, [part], n === parts.length - 1));
    // Without `alt=sse` a stream is one JSON list, sent piece by piece.
    if (query.get("alt") !== "sse") return [`[${chunks.map((chunk) => JSON.stringify(chunk)).join(",\r\n")}]`];
    return chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`);
  },
  whole: (answer) => responseOf(answer, answer.blocks.map(wholePart), true),
  error: errorOf,
};

function responseOf(answer: Answer, parts: readonly object[], last: boolean): object {
  const refused = answer.stop === "refusal";
  const candidate = {
    content: { parts, role: "model" },
    index: 0,
    ...(last ? { finishReason: refused ? "SAFETY" : "STOP" } : {}),
  };
  return {
    candidates: [candidate],
    usageMetadata: usageOf(answer.usage, last),
    modelVersion: answer.model,
    responseId: answer.id,
  };
}

/** The prompt's figures are there from the start, those of the answer grow with it. */
function usageOf(usage: Figures, last: boolean) {
  const prompt = usage.input + usage.cacheRead;
  const said = last ? usage.output - usage.thinking : 1;
  const thought = last ? usage.thinking : 0;
  return {
    promptTokenCount: prompt,
    cachedContentTokenCount: usage.cacheRead,
    candidatesTokenCount: said,
    thoughtsTokenCount: thought,
    totalTokenCount: prompt + said + thought,
  };
}

function wholePart(block: Block): object {
  if (block.type === "tool") return { functionCall: { name: block.name, args: fields(block.input) } };
  return block.type === "text" ? { text: block.text } : { text: block.text, thought: true };
}

function partsOf(block: Block): readonly object[] {
  if (block.type === "tool") return [wholePart(block)];
  return tokensOf(block.text).map((part) => wholePart({ ...block, text: part }));
}

function errorOf(failure: Failure) {
  const status = failure.status === 529 ? 503 : failure.status;
  const seconds = failure.retryAfterSeconds;
  const details = [
    ...(failure.usageLimit === true
      ? [
          {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel" }],
          },
        ]
      : []),
    ...(seconds === undefined
      ? []
      : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${seconds}s` }]),
  ];
  const named = STATUSES[status] ?? "INTERNAL";
  const error = { code: status, message: failure.message ?? named, status: named };
  return { status, body: { error: details.length > 0 ? { ...error, details } : error } };
}
