/** Answers as the providers send them, one stream and one document for each API, and what a meter should read of either. */
import type { MeteredUsage } from "../usage-tally.ts";

interface Sample {
  /** The records of a streamed answer, in order, as they are on the wire. */
  readonly stream: readonly string[];
  /** How many of them come before the first that carries the last figures. */
  readonly beforeFigures: number;
  readonly document: unknown;
  readonly metered: MeteredUsage;
  /** What is metered of the stream when it is cut before the figures. */
  readonly cut: Partial<MeteredUsage>;
}

const TEXT = "Grüße ✓ 🐝 and quite some words more";
const record = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;
const named = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

const messagesUsage = {
  input_tokens: 25,
  cache_read_input_tokens: 4_096,
  cache_creation_input_tokens: 512,
  cache_creation: { ephemeral_5m_input_tokens: 112, ephemeral_1h_input_tokens: 400 },
  output_tokens: 117,
  server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
};
const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-5" };

const chatUsage = {
  prompt_tokens: 4_121,
  completion_tokens: 117,
  total_tokens: 4_238,
  prompt_tokens_details: { cached_tokens: 4_096, cache_write_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 60 },
};
const chunk = (fields: object) => record({ id: "c1", object: "chat.completion.chunk", model: "gpt-5.2", ...fields });
const choice = (delta: object, finish: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason: finish }],
  usage: null,
});

const response = {
  id: "resp_1",
  object: "response",
  model: "gpt-5.2-2026-01-01",
  status: "completed",
  output: [
    { type: "web_search_call", id: "ws_1", status: "completed" },
    { type: "message", content: [{ type: "output_text", text: TEXT }] },
  ],
  usage: {
    input_tokens: 4_121,
    input_tokens_details: { cached_tokens: 4_096, cache_write_tokens: 0 },
    output_tokens: 117,
    output_tokens_details: { reasoning_tokens: 60 },
    total_tokens: 4_238,
  },
};

const geminiUsage = {
  promptTokenCount: 4_121,
  cachedContentTokenCount: 4_096,
  toolUsePromptTokenCount: 10,
  candidatesTokenCount: 100,
  thoughtsTokenCount: 17,
  totalTokenCount: 4_248,
};
const part = (text: string) => ({ content: { role: "model", parts: [{ text }] }, index: 0 });
const geminiChunks = [
  { candidates: [part(TEXT)], usageMetadata: { promptTokenCount: 4_121 }, modelVersion: "gemini-2.5-pro" },
  {
    candidates: [{ ...part("!"), finishReason: "STOP", groundingMetadata: { webSearchQueries: ["a", "b"] } }],
    usageMetadata: geminiUsage,
    modelVersion: "gemini-2.5-pro",
  },
];

const common = { cacheReadTokens: 4_096, outputTokens: 117, cacheWrite1hTokens: 0, webSearches: 0, final: true };
const estimate = Math.ceil(Buffer.byteLength(TEXT) / 3);

export const samples = {
  messages: {
    stream: [
      named("message_start", { message: { ...message, usage: { ...messagesUsage, output_tokens: 1 } } }),
      named("content_block_delta", { index: 0, delta: { type: "text_delta", text: TEXT } }),
      named("message_delta", { delta: { stop_reason: "end_turn" }, usage: messagesUsage }),
      named("message_stop", {}),
    ],
    beforeFigures: 2,
    document: { ...message, content: [{ type: "text", text: TEXT }], usage: messagesUsage },
    metered: {
      ...common,
      model: "claude-sonnet-5",
      inputTokens: 25,
      cacheWriteTokens: 512,
      cacheWrite1hTokens: 400,
      webSearches: 2,
    },
    cut: { inputTokens: 25, cacheReadTokens: 4_096, outputTokens: estimate },
  },
  chat: {
    stream: [
      chunk(choice({ role: "assistant", content: TEXT })),
      chunk(choice({}, "stop")),
      chunk({ choices: [], usage: chatUsage }),
      "data: [DONE]\n\n",
    ],
    beforeFigures: 2,
    document: { id: "c1", object: "chat.completion", model: "gpt-5.2", choices: [], usage: chatUsage },
    metered: { ...common, model: "gpt-5.2", inputTokens: 20, cacheWriteTokens: 5 },
    cut: { inputTokens: 0, outputTokens: estimate },
  },
  responses: {
    stream: [
      named("response.created", { response: { ...response, status: "in_progress", usage: null, output: [] } }),
      named("response.output_text.delta", { delta: TEXT }),
      named("response.completed", { response }),
    ],
    beforeFigures: 2,
    document: response,
    metered: { ...common, model: "gpt-5.2-2026-01-01", inputTokens: 25, cacheWriteTokens: 0, webSearches: 1 },
    cut: { inputTokens: 0, outputTokens: estimate },
  },
  generateContent: {
    stream: geminiChunks.map(record),
    beforeFigures: 1,
    document: geminiChunks[1],
    metered: { ...common, model: "gemini-2.5-pro", inputTokens: 35, cacheWriteTokens: 0, webSearches: 2 },
    cut: { inputTokens: 4_121, outputTokens: estimate },
  },
} as const satisfies Record<string, Sample>;
