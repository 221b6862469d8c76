/** Answers of the Messages API as the provider sends them, for the tests of the gateway. */

export interface StreamFigures {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export const FIGURES: StreamFigures = { input: 25, output: 117, cacheRead: 4_096, cacheWrite: 512 };
export const MODEL = "claude-sonnet-5";

function event(data: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The events of one streamed answer, in order: the last but one carries the final figures. */
export function streamEvents(text: readonly string[] = ["Grüße ", "✓ 🐝", ' {"usage":1}']): string[] {
  const usage = {
    input_tokens: FIGURES.input,
    cache_creation_input_tokens: FIGURES.cacheWrite,
    cache_read_input_tokens: FIGURES.cacheRead,
    output_tokens: 1,
  };
  return [
    event({ type: "message_start", message: { id: "msg_1", type: "message", role: "assistant", model: MODEL, usage } }),
    event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    event({ type: "ping" }),
    ...text.map((part) => event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: part } })),
    event({ type: "content_block_stop", index: 0 }),
    event({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: FIGURES.output } }),
    event({ type: "message_stop" }),
  ];
}

export const JSON_ANSWER = JSON.stringify({
  id: "msg_2",
  type: "message",
  role: "assistant",
  model: MODEL,
  content: [{ type: "text", text: "Grüße ✓ 🐝" }],
  stop_reason: "end_turn",
  usage: {
    input_tokens: FIGURES.input,
    cache_creation_input_tokens: FIGURES.cacheWrite,
    cache_read_input_tokens: FIGURES.cacheRead,
    output_tokens: FIGURES.output,
  },
});

/** What a meter should have read of either. */
export const METERED = {
  model: MODEL,
  inputTokens: FIGURES.input,
  outputTokens: FIGURES.output,
  cacheReadTokens: FIGURES.cacheRead,
  cacheWriteTokens: FIGURES.cacheWrite,
  cacheWrite1hTokens: 0,
  webSearches: 0,
  final: true,
};
