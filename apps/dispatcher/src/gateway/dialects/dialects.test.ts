/** What each API's answers used, and what its requests ask for. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectOf } from "../json.ts";
import { createUsageMeter } from "../usage-meter.ts";
import type { MeteredUsage } from "../usage-tally.ts";
import { samples } from "./answers.fixture.ts";
import { chat } from "./chat.ts";
import type { Dialect } from "./dialect.ts";
import { generateContent } from "./generate-content.ts";
import { messages } from "./messages.ts";
import { responses } from "./responses.ts";

const dialects = { messages, chat, responses, generateContent } as const;
type Name = keyof typeof dialects;
const NAMES: readonly Name[] = ["messages", "chat", "responses", "generateContent"];

function meter(dialect: Dialect, contentType: string, chunks: readonly Uint8Array[]): MeteredUsage {
  const made = createUsageMeter(contentType, dialect.usage);
  for (const chunk of chunks) {
    made.push(chunk);
  }
  return made.read();
}

function read(dialect: Dialect, body: unknown, model: string | null = null) {
  const bytes = Buffer.from(JSON.stringify(body));
  return dialect.read(objectOf(body), bytes, model);
}

describe.each(NAMES)("%s", (name) => {
  const dialect = dialects[name];
  const sample = samples[name];
  const whole = Buffer.from(sample.stream.join(""));
  const stream = (...chunks: readonly Uint8Array[]) => meter(dialect, "text/event-stream; charset=utf-8", chunks);

  test("a stream is read to the token, wherever it is cut into pieces", () => {
    expect(stream(whole)).toEqual(sample.metered);
    expect(stream(...Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual(sample.metered);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.byteLength), { maxLength: 20 }), (cuts) => {
        const points = [0, ...cuts.toSorted((a, b) => a - b), whole.byteLength];
        const chunks = points.slice(1).map((end, index) => whole.subarray(points[index], end));
        expect(stream(...chunks)).toEqual(sample.metered);
      }),
      { numRuns: 50 },
    );
  });

  test("the last event counts without the empty line after it, and not when it is cut", () => {
    const figures = sample.stream.slice(0, sample.beforeFigures + 1).join("");
    expect(stream(Buffer.from(figures.trimEnd()))).toMatchObject({ final: true, outputTokens: 117 });
    expect(stream(Buffer.from(figures.trimEnd().slice(0, -1)))).toMatchObject({ final: false });
  });

  test("a document is read to the token", () => {
    const bytes = Buffer.from(JSON.stringify(sample.document));
    expect(meter(dialect, "application/json", [bytes])).toEqual(sample.metered);
    expect(meter(dialect, "application/json", [bytes.subarray(0, -1)])).toMatchObject({ final: false });
  });

  test("what is cut before its last figures is no final count, and is estimated from its text", () => {
    const cut = Buffer.from(sample.stream.slice(0, sample.beforeFigures).join(""));
    expect(stream(cut)).toMatchObject({ ...sample.cut, final: false });
  });

  test("an error in place of an answer cost nothing", () => {
    const error = `data: ${JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "busy" } })}\n\n`;
    expect(stream(Buffer.from(error))).toMatchObject({
      inputTokens: 0,
      outputTokens: 0,
      final: name !== "generateContent",
    });
  });

  test("a request without a model goes nowhere", () => {
    expect(read(dialect, {})).toEqual({ ok: false, message: "The request names no model" });
  });
});

test("Gemini: a stream that is one list is read too, and a prompt that is refused is a final answer", () => {
  const chunks = samples.generateContent.stream.map((record) => JSON.parse(record.slice(6)) as unknown);
  const list = Buffer.from(JSON.stringify(chunks));
  expect(meter(generateContent, "application/json", [list])).toEqual(samples.generateContent.metered);
  const blocked = { promptFeedback: { blockReason: "SAFETY" }, usageMetadata: { promptTokenCount: 9 } };
  const bytes = Buffer.from(`data: ${JSON.stringify(blocked)}\n\n`);
  expect(meter(generateContent, "text/event-stream", [bytes])).toMatchObject({ inputTokens: 9, final: true });
});

test("Chat: figures that grow with every event are final only with the last", () => {
  const event = (finish: string | null, tokens: number) =>
    Buffer.from(
      `data: ${JSON.stringify({
        model: "m",
        choices: [{ delta: { content: "x" }, finish_reason: finish }],
        usage: { prompt_tokens: 10, completion_tokens: tokens },
      })}\n\n`,
    );
  const first = event(null, 1);
  expect(meter(chat, "text/event-stream", [first])).toMatchObject({ outputTokens: 1, final: false });
  expect(meter(chat, "text/event-stream", [first, event("stop", 2)])).toMatchObject({ outputTokens: 2, final: true });
});

test("Responses: one that failed before a word was said cost nothing, one that ended early has its figures", () => {
  const failed = {
    type: "response.failed",
    response: { status: "failed", usage: null, error: { code: "server_error" } },
  };
  const bytes = (event: object) => [Buffer.from(`data: ${JSON.stringify(event)}\n\n`)];
  expect(meter(responses, "text/event-stream", bytes(failed))).toMatchObject({ inputTokens: 0, final: true });
  const incomplete = { type: "response.incomplete", response: { usage: { input_tokens: 5, output_tokens: 3 } } };
  expect(meter(responses, "text/event-stream", bytes(incomplete))).toMatchObject({
    inputTokens: 5,
    outputTokens: 3,
    final: true,
  });
});

test("the most a call can answer is what it asks for, else the most its provider answers", () => {
  const output = (result: ReturnType<typeof read>) => (result.ok ? result.worst.outputTokens : result.message);
  expect(output(read(messages, { model: "m", max_tokens: 32_000 }))).toBe(32_000);
  expect(output(read(responses, { model: "m" }))).toBe(128_000);
  expect(output(read(responses, { model: "m", max_output_tokens: 100 }))).toBe(100);
  expect(output(read(chat, { model: "m", max_tokens: 10, max_completion_tokens: 20, n: 3 }))).toBe(60);
  expect(output(read(chat, { model: "m", n: -1, max_tokens: "many" }))).toBe(128_000);
  expect(output(read(generateContent, { generationConfig: { maxOutputTokens: 7, candidateCount: 2 } }, "m"))).toBe(14);
  expect(output(read(generateContent, {}, "m"))).toBe(65_536);
});

test("searches of the web are set aside for too", () => {
  const searches = (result: ReturnType<typeof read>) => (result.ok ? result.worst.webSearches : result.message);
  const claude = (tool: object) => read(messages, { model: "m", tools: [{ name: "Bash" }, tool] });
  expect(searches(claude({ type: "web_search_20250305", max_uses: 8 }))).toBe(8);
  expect(searches(claude({ name: "Read" }))).toBe(0);
  expect(searches(read(responses, { model: "m", tools: [{ type: "web_search", external_web_access: false }] }))).toBe(
    10,
  );
  expect(searches(read(chat, { model: "m", web_search_options: {} }))).toBe(10);
  expect(searches(read(generateContent, { tools: [{ googleSearch: {} }] }, "m"))).toBe(10);
});

test("a chat stream is asked for its usage, and nothing else of it changes", () => {
  const body = (text: string) => {
    const bytes = Buffer.from(text);
    const result = chat.read(objectOf(JSON.parse(text)), bytes, null);
    return result.ok ? result.body.toString() : result.message;
  };
  expect(body('{ "model": "m",  "stream": true }\n')).toBe(
    '{ "model": "m",  "stream": true ,"stream_options":{"include_usage":true}}\n',
  );
  expect(JSON.parse(body('{"model":"m","stream":true,"stream_options":{"x":1,"include_usage":false}}'))).toEqual({
    model: "m",
    stream: true,
    stream_options: { x: 1, include_usage: true },
  });
  for (const untouched of [
    '{"model":"m"}',
    '{"model":"m","stream":false}',
    '{"model":"m","stream":true,"stream_options":{"include_usage":true}}',
  ]) {
    expect(body(untouched)).toBe(untouched);
  }
});

describe("what would make the provider reach the outside, or cost what nobody knows, is refused", () => {
  const refused: readonly (readonly [string, Dialect, object])[] = [
    ["a web fetch by Anthropic", messages, { tools: [{ type: "web_fetch_20260209", name: "web_fetch" }] }],
    ["code that Anthropic runs", messages, { tools: [{ type: "code_execution_20260120" }] }],
    ["MCP servers that Anthropic calls", messages, { mcp_servers: [{ url: "https://evil.example" }] }],
    ["Anthropic's fast mode", messages, { speed: "fast" }],
    [
      "a picture by address",
      messages,
      { messages: [{ content: [{ type: "image", source: { type: "url", url: "https://evil.example/x" } }] }] },
    ],
    ["MCP servers that OpenAI calls", responses, { tools: [{ type: "mcp", server_url: "https://evil.example" }] }],
    ["code that OpenAI runs", responses, { tools: [{ type: "code_interpreter" }] }],
    ["a shell that OpenAI runs", responses, { tools: [{ type: "shell", environment: { type: "container_auto" } }] }],
    ["a response in the background", responses, { background: true }],
    ["pictures that a model makes", responses, { tools: [{ type: "image_generation" }] }],
    ["a conversation that OpenAI keeps", responses, { previous_response_id: "resp_1" }],
    ["a price tier of its own", responses, { service_tier: "priority" }],
    [
      "a picture by address (Responses)",
      responses,
      { input: [{ content: [{ type: "input_image", image_url: "https://evil.example/x" }] }] },
    ],
    [
      "a picture by address (Chat)",
      chat,
      { messages: [{ content: [{ type: "image_url", image_url: { url: "https://evil.example/x" } }] }] },
    ],
    ["a price tier of its own (Chat)", chat, { service_tier: "priority" }],
    ["addresses that Gemini opens", generateContent, { tools: [{ urlContext: {} }] }],
    ["a cache that Gemini keeps", generateContent, { cachedContent: "cachedContents/1" }],
    [
      "a file by address",
      generateContent,
      { contents: [{ parts: [{ fileData: { fileUri: "https://evil.example/x" } }] }] },
    ],
  ];

  test.each(refused)("%s", (_, dialect, fields) => {
    expect(read(dialect, { model: "m", ...fields }, "m")).toMatchObject({
      ok: false,
      message: expect.stringContaining("does not pass on"),
    });
  });

  test("the same words in a tool's arguments, or in text, are nobody's business", () => {
    const use = { type: "tool_use", input: { source: { type: "url", url: "https://x" }, fileData: {} } };
    expect(read(messages, { model: "m", speed: "standard", messages: [{ content: [use] }] }).ok).toBe(true);
    const call = { functionCall: { name: "f", args: { fileData: { fileUri: "https://x" } } } };
    expect(read(generateContent, { contents: [{ parts: [call] }] }, "m").ok).toBe(true);
    const tools = [{ type: "function", name: "f", parameters: { properties: { type: { enum: ["mcp"] } } } }];
    expect(read(responses, { model: "m", tools, input: "use mcp and https://x" }).ok).toBe(true);
  });
});
