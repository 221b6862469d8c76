import fc from "fast-check";
import { expect, test } from "vitest";
import { JSON_ANSWER, METERED, streamEvents } from "./anthropic.fixture.ts";
import { messages } from "./dialects/messages.ts";
import { createSilentMeter, createUsageMeter } from "./usage-meter.ts";
import type { MeteredUsage } from "./usage-tally.ts";

const STREAM = Buffer.from(streamEvents().join(""));

function meter(contentType: string, ...chunks: readonly Uint8Array[]): MeteredUsage {
  const made = createUsageMeter(contentType, messages.usage);
  for (const chunk of chunks) {
    made.push(chunk);
  }
  return made.read();
}

const stream = (...chunks: readonly Uint8Array[]) => meter("text/event-stream; charset=utf-8", ...chunks);

test("a stream is read the same wherever it is cut in two", () => {
  for (let cut = 0; cut <= STREAM.byteLength; cut += 1) {
    expect(stream(STREAM.subarray(0, cut), STREAM.subarray(cut))).toEqual(METERED);
  }
});

test("a stream is read the same byte by byte, and in any pieces", () => {
  expect(stream(...Array.from(STREAM, (byte) => Uint8Array.of(byte)))).toEqual(METERED);
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.byteLength), { maxLength: 30 }), (cuts) => {
      const points = [0, ...cuts.toSorted((a, b) => a - b), STREAM.byteLength];
      const chunks = points.slice(1).map((end, index) => STREAM.subarray(points[index], end));
      expect(stream(...chunks)).toEqual(METERED);
    }),
  );
});

test("line ends of all three kinds are understood, cut anywhere", () => {
  for (const end of ["\r\n", "\r"]) {
    const bytes = Buffer.from(STREAM.toString().replaceAll("\n", end));
    expect(stream(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(METERED);
    expect(stream(bytes)).toEqual(METERED);
  }
});

test("a buffer the stream uses again does not change what was read", () => {
  const made = createUsageMeter("text/event-stream", messages.usage);
  const shared = Buffer.alloc(7);
  for (let start = 0; start < STREAM.byteLength; start += 7) {
    const size = STREAM.copy(shared, 0, start, start + 7);
    made.push(shared.subarray(0, size));
    shared.fill(0);
  }
  expect(made.read()).toEqual(METERED);
});

test("an answer cut before its figures is estimated from the text that came, never at less", () => {
  const text = "x".repeat(3_000);
  const events = streamEvents([text, text]);
  const cut = stream(Buffer.from(events.slice(0, 5).join("")));
  expect(cut).toEqual({ ...METERED, outputTokens: 2_000, final: false });
  const start = stream(Buffer.from(events[0] ?? ""));
  expect(start).toEqual({ ...METERED, outputTokens: 1, final: false });
});

test("tool input and thinking count in an estimate", () => {
  const delta = (fields: object) =>
    Buffer.from(`data: ${JSON.stringify({ type: "content_block_delta", delta: fields })}\n\n`);
  const usage = stream(
    delta({ partial_json: "123456" }),
    delta({ thinking: "123456" }),
    delta({ signature: "123456" }),
  );
  expect(usage.outputTokens).toBe(4);
});

test("figures inside the text of an answer are not believed", () => {
  const forged = `\n\nevent: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":0}}\n\n`;
  expect(stream(Buffer.from(streamEvents([forged]).join("")))).toEqual(METERED);
  const cut = stream(
    Buffer.from(
      streamEvents([forged.repeat(10)])
        .slice(0, 4)
        .join(""),
    ),
  );
  expect(cut.final).toBe(false);
  expect(cut.outputTokens).toBeGreaterThan(100);
});

test("totals of a later event replace those of an earlier one", () => {
  const later = `data: {"type":"message_delta","usage":{"input_tokens":30,"output_tokens":120,"cache_read_input_tokens":null}}\n\n`;
  const usage = stream(STREAM, Buffer.from(later));
  expect(usage).toEqual({ ...METERED, inputTokens: 30, outputTokens: 120 });
});

test("nonsense in a stream is passed over", () => {
  const noise = [
    "data: {not json}\n\n",
    "data: null\n\n",
    "data: [1]\n\n",
    ": comment\n\n",
    'data: {"type":"message_delta","usage":{"output_tokens":-5,"input_tokens":1e400}}\n\n',
    `data: ${"x".repeat(2 * 1024 * 1024)}\n\n`,
  ];
  expect(stream(...noise.map((text) => Buffer.from(text)), STREAM)).toEqual(METERED);
});

test("data of one event over several lines is put together", () => {
  const split = 'data: {"type":"message_delta",\ndata: "usage":{"output_tokens":9}}\n\n';
  for (const end of ["\n", "\r\n", "\r"]) {
    const bytes = Buffer.from(split.replaceAll("\n", end));
    expect(stream(bytes)).toMatchObject({ outputTokens: 9, final: true });
    expect(stream(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toMatchObject({ outputTokens: 9 });
  }
});

test("a JSON answer is read whole, and is an estimate when it is cut", () => {
  const bytes = Buffer.from(JSON_ANSWER);
  expect(meter("application/json", ...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(METERED);
  expect(meter("application/json", bytes.subarray(0, -1))).toMatchObject({ model: null, final: false });
});

test("an answer that costs nothing is not an estimate", () => {
  expect(createSilentMeter().read()).toMatchObject({ inputTokens: 0, outputTokens: 0, final: true });
});
