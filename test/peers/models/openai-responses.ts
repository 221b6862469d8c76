/** OpenAI's Responses API, by its public reference: numbered events; the last one holds the whole answer with its usage. */
import type { Figures } from "./figures.ts";
import { openaiError } from "./openai-error.ts";
import { type Answer, type Block, list, text, tokensOf, type WireApi } from "./wire.ts";

const CREATED = 1_780_000_000;

export const openaiResponsesApi: WireApi = {
  name: "openai-responses",
  ask: ({ method, path, body }) =>
    method === "POST" && path === "/v1/responses" && body !== null
      ? {
          model: text(body["model"]),
          stream: body["stream"] === true,
          tools: list(body["tools"]).map((tool) => ({
            // Tools of the provider's own have a type and no name.
            name: text(tool["name"]) || text(tool["type"]),
            freeform: tool["type"] === "custom",
          })),
        }
      : null,
  plain: ({ method, path }) =>
    method === "GET" && path === "/v1/models"
      ? {
          status: 200,
          body: { object: "list", data: [{ id: "scripted", object: "model", created: CREATED, owned_by: "hive" }] },
        }
      : null,
  stream: (answer) => {
    const begun = { ...responseOf(answer), status: "in_progress", output: [], usage: null };
    const events = [
      { type: "response.created", response: begun },
      { type: "response.in_progress", response: begun },
      ...answer.blocks.flatMap((block, index) => itemEvents(answer, block, index)),
      { type: "response.completed", response: responseOf(answer) },
    ];
    return events.map(
      (event, n) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: n })}\n\n`,
    );
  },
  whole: responseOf,
  error: openaiError,
};

function responseOf(answer: Answer) {
  return {
    id: `resp_${answer.id}`,
    object: "response",
    created_at: CREATED,
    status: "completed",
    error: null,
    incomplete_details: null,
    model: answer.model,
    output: answer.blocks.map((block, index) => itemOf(answer, block, index)),
    usage: usageOf(answer.usage),
  };
}

function usageOf(usage: Figures) {
  const input = usage.input + usage.cacheRead;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cacheRead },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.thinking },
    total_tokens: input + usage.output,
  };
}

function itemOf(answer: Answer, block: Block, index: number): Record<string, unknown> & { id: string } {
  const id = `item_${answer.id}_${index}`;
  if (block.type === "thinking")
    return { id, type: "reasoning", summary: [{ type: "summary_text", text: block.text }] };
  if (block.type === "text") {
    return { id, type: "message", role: "assistant", status: "completed", content: [partOf(answer, block.text)] };
  }
  const call = { id, call_id: block.id, name: block.name, status: "completed" };
  return typeof block.input === "string"
    ? { ...call, type: "custom_tool_call", input: block.input }
    : { ...call, type: "function_call", arguments: JSON.stringify(block.input) };
}

function partOf(answer: Answer, said: string): Record<string, unknown> {
  return answer.stop === "refusal"
    ? { type: "refusal", refusal: said }
    : { type: "output_text", text: said, annotations: [], logprobs: [] };
}

function itemEvents(answer: Answer, block: Block, index: number): { type: string; [key: string]: unknown }[] {
  const item = itemOf(answer, block, index);
  const at = { item_id: item.id, output_index: index };
  const done = { type: "response.output_item.done", output_index: index, item };
  const added = (empty: object) => ({
    type: "response.output_item.added",
    output_index: index,
    item: { ...item, ...empty },
  });
  if (block.type === "thinking") return [added({ summary: [] }), done];
  if (block.type === "text") {
    const kind = answer.stop === "refusal" ? "refusal" : "output_text";
    const told = answer.stop === "refusal" ? { refusal: block.text } : { text: block.text };
    const part = { ...at, content_index: 0 };
    return [
      added({ status: "in_progress", content: [] }),
      { type: "response.content_part.added", ...part, part: { ...partOf(answer, ""), logprobs: [] } },
      ...tokensOf(block.text).map((delta) => ({ type: `response.${kind}.delta`, ...part, delta })),
      { type: `response.${kind}.done`, ...part, ...told },
      { type: "response.content_part.done", ...part, part: partOf(answer, block.text) },
      done,
    ];
  }
  const input = typeof block.input === "string" ? block.input : JSON.stringify(block.input);
  const [kind, field] =
    typeof block.input === "string"
      ? (["custom_tool_call_input", "input"] as const)
      : (["function_call_arguments", "arguments"] as const);
  return [
    added({ status: "in_progress", [field]: "" }),
    ...tokensOf(input).map((delta) => ({ type: `response.${kind}.delta`, ...at, delta })),
    { type: `response.${kind}.done`, ...at, [field]: input },
    done,
  ];
}
