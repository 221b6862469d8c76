import { expect, test } from "vitest";
import { readInput } from "./call-request.ts";
import { objectOf } from "./json.ts";

function inputOf(body: unknown): number {
  const text = JSON.stringify(body);
  return readInput(objectOf(body), Buffer.byteLength(text), () => null).inputTokens;
}

test("text is a token for every two bytes, whatever its script", () => {
  expect(inputOf({ text: "x".repeat(1_989) })).toBe(1_000);
  expect(inputOf({ text: "蜂".repeat(663) })).toBe(1_000);
});

test("a picture counts as a picture, not by its bytes", () => {
  const data = "A".repeat(2_000_000);
  const picture = { type: "image", source: { type: "base64", media_type: "image/png", data } };
  expect(inputOf({ messages: [{ content: [picture] }] })).toBeLessThan(10_100);
  expect(inputOf({ image_url: { url: `data:image/png;base64,${data}` } })).toBeLessThan(10_100);
  expect(inputOf({ parts: [{ inlineData: { mimeType: "image/png", data } }] })).toBeLessThan(10_100);
  expect(inputOf({ content: [{ type: "input_image", image_url: `data:image/png;base64,${data}` }] })).toBeLessThan(
    10_100,
  );
});

test("a document may be a token for every byte", () => {
  const data = "A".repeat(30_000);
  const document = { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
  expect(inputOf({ messages: [{ content: [document] }] })).toBeGreaterThan(30_000);
});

test("text that only says it is a picture is text", () => {
  const data = "x".repeat(100_000);
  const inArguments = { type: "tool_use", input: { media_type: "image/png", data } };
  expect(inputOf({ messages: [{ content: [inArguments] }] })).toBeGreaterThan(50_000);
  expect(inputOf({ messages: [{ text: `data:image/png;base64,${data}` }] })).toBeGreaterThan(50_000);
  expect(inputOf({ source: { media_type: "text/plain", data } })).toBeGreaterThan(50_000);
});

test("nobody reads more than any model can, however long the request is", () => {
  expect(inputOf({ text: "x".repeat(8_000_000) })).toBe(2_097_152);
});

test("a request may be nested as deep as it likes", () => {
  const text = `${'{"a":['.repeat(50_000)}${"]}".repeat(50_000)}`;
  let deepest = 0;
  const { refused } = readInput(objectOf(JSON.parse(text)), text.length, () => {
    deepest += 1;
    return null;
  });
  expect([deepest, refused]).toEqual([50_000, null]);
});
