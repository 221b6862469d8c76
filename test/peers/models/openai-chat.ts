/**
 * OpenAI's Chat Completions API, as most local servers (Ollama, llama.cpp, vLLM) speak it too: usage comes only in the
 * last chunk, and only where the request asked for it.
 */
import type { Figures } from "./figures.ts";
import { openaiError } from "./openai-error.ts";
import { type Block, fields, list, text, tokensOf, type WireApi } from "./wire.ts";

const CREATED = 1_780_000_000;
const FINISH = { end: "stop", tool: "tool_calls", refusal: "content_filter" } as const;

export const openaiChatApi: WireApi = {
  name: "openai-chat",
  ask: ({ method, path, body }) =>
    method === "POST" && path === "/v1/chat/completions" && body !== null
      ? {
          model: text(body["model"]),
          stream: body["stream"] === true,
          tools: list(body["tools"]).map((tool) => ({ name: text(fields(tool["function"])["name"]), freeform: false })),
        }
      : null,
  plain: () => null,
  stream: (answer, { body }) => {
    const wanted = fields(body?.["stream_options"])["include_usage"] === true;
    const chunk = (choices: readonly object[], usage: object | null = null) => ({
      id: `chatcmpl-${answer.id}`,
      object: "chat.completion.chunk",
      created: CREATED,
      model: answer.model,
      choices,
      ...(wanted ? { usage } : {}),
    });
    const delta = (part: object, finish: string | null = null) =>
      chunk([{ index: 0, delta: part, finish_reason: finish }]);
    const tools = answer.blocks.filter((block) => block.type === "tool");
    const chunks = [
      delta({ role: "assistant", content: "" }),
      ...answer.blocks.flatMap((block) => deltasOf(block, tools)).map((part) => delta(part)),
      delta({}, FINISH[answer.stop]),
      ...(wanted ? [chunk([], usageOf(answer.usage))] : []),
    ];
    return [...chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`), "data: [DONE]\n\n"];
  },
  whole: (answer) => {
    const said = answer.blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");
    const calls = answer.blocks.flatMap((block) => (block.type === "tool" ? [callOf(block)] : []));
    const message = { role: "assistant", content: said, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
    return {
      id: `chatcmpl-${answer.id}`,
      object: "chat.completion",
      created: CREATED,
      model: answer.model,
      choices: [{ index: 0, message, finish_reason: FINISH[answer.stop] }],
      usage: usageOf(answer.usage),
    };
  },
  error: openaiError,
};

type ToolBlock = Extract<Block, { type: "tool" }>;

function callOf({ id, name, input }: ToolBlock) {
  return { id, type: "function", function: { name, arguments: JSON.stringify(input) } };
}

function deltasOf(block: Block, tools: readonly Block[]): readonly object[] {
  if (block.type === "thinking") return tokensOf(block.text).map((part) => ({ reasoning_content: part }));
  if (block.type === "text") return tokensOf(block.text).map((part) => ({ content: part }));
  const index = tools.indexOf(block);
  const call = callOf(block);
  return [
    { tool_calls: [{ index, ...call, function: { ...call.function, arguments: "" } }] },
    ...tokensOf(call.function.arguments).map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] })),
  ];
}

function usageOf(usage: Figures) {
  const prompt = usage.input + usage.cacheRead;
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
    completion_tokens_details: { reasoning_tokens: usage.thinking },
  };
}
