/** Anthropic's Messages API, by its public reference: server-sent events, usage at the start and the end of a stream. */
import type { Figures } from "./figures.ts";
import type { Failure } from "./steps.ts";
import { type Answer, type Block, fields, list, text, tokensOf, type WireApi } from "./wire.ts";

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};
const STOPS = { end: "end_turn", tool: "tool_use", refusal: "refusal" } as const;

export const anthropicApi: WireApi = {
  name: "anthropic",
  ask: ({ method, path, body }) =>
    method === "POST" && path === "/v1/messages" && body !== null
      ? {
          model: text(body["model"]),
          stream: body["stream"] === true,
          tools: list(body["tools"]).map((tool) => ({ name: text(tool["name"]), freeform: false })),
        }
      : null,
  plain: ({ method, path, headers }) => {
    if (path === "/v1/messages/count_tokens") return { status: 200, body: { input_tokens: 1_000 } };
    if (method !== "GET" || path !== "/v1/models" || headers["anthropic-version"] === undefined) return null;
    const model = { type: "model", id: "scripted", display_name: "Scripted", created_at: "2026-01-01T00:00:00Z" };
    return { status: 200, body: { data: [model], has_more: false, first_id: model.id, last_id: model.id } };
  },
  stream: (answer) => {
    const message = { ...messageOf(answer), content: [], stop_reason: null, stop_sequence: null };
    const events = [
      { type: "message_start", message: { ...message, usage: { ...usageOf(answer.usage), output_tokens: 1 } } },
      { type: "ping" },
      ...answer.blocks.flatMap(blockEvents),
      {
        type: "message_delta",
        delta: { stop_reason: STOPS[answer.stop], stop_sequence: null },
        usage: usageOf(answer.usage),
      },
      { type: "message_stop" },
    ];
    return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  },
  whole: (answer) => ({
    ...messageOf(answer),
    content: answer.blocks.map(contentOf),
    stop_reason: STOPS[answer.stop],
    stop_sequence: null,
    usage: usageOf(answer.usage),
  }),
  error: (failure) => {
    const type = ERROR_TYPES[failure.status] ?? "api_error";
    return {
      status: failure.status,
      headers: { "request-id": "req_scripted", ...hintsOf(failure) },
      body: { type: "error", error: { type, message: failure.message ?? type }, request_id: "req_scripted" },
    };
  },
};

function messageOf(answer: Answer) {
  return { id: `msg_${answer.id}`, type: "message", role: "assistant", model: answer.model };
}

function usageOf(usage: Figures) {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheWrite + usage.cacheWrite1h,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheWrite,
      ephemeral_1h_input_tokens: usage.cacheWrite1h,
    },
    output_tokens: usage.output,
  };
}

function contentOf(block: Block): Record<string, unknown> {
  if (block.type === "tool") return { type: "tool_use", id: block.id, name: block.name, input: fields(block.input) };
  if (block.type === "text") return { type: "text", text: block.text };
  return { type: "thinking", thinking: block.text, signature: "c2NyaXB0ZWQ=" };
}

function blockEvents(block: Block, index: number): { type: string; [key: string]: unknown }[] {
  const empty =
    block.type === "tool"
      ? { ...contentOf(block), input: {} }
      : block.type === "text"
        ? { type: "text", text: "" }
        : { type: "thinking", thinking: "", signature: "" };
  const deltas =
    block.type === "tool"
      ? tokensOf(JSON.stringify(block.input)).map((part) => ({ type: "input_json_delta", partial_json: part }))
      : block.type === "text"
        ? tokensOf(block.text).map((part) => ({ type: "text_delta", text: part }))
        : [
            ...tokensOf(block.text).map((part) => ({ type: "thinking_delta", thinking: part })),
            { type: "signature_delta", signature: "c2NyaXB0ZWQ=" },
          ];
  return [
    { type: "content_block_start", index, content_block: empty },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

function hintsOf({ retryAfterSeconds: seconds, usageLimit }: Failure): Record<string, string> {
  if (seconds === undefined) return {};
  if (usageLimit === undefined) return { "retry-after": String(seconds) };
  // As subscriptions tell it; a plain key has the first line alone.
  return {
    "retry-after": String(seconds),
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": String(Math.ceil(Date.now() / 1_000) + seconds),
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "x-should-retry": "false",
  };
}
