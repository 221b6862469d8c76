/** What passes the gateway, provider by provider, and that nothing else does. */
import { afterEach, expect, test } from "vitest";
import { send, startWorld, type World } from "./gateway.fixture.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

test("only the named paths and methods pass", async () => {
  let hits = 0;
  const world = await startWorld((request, response) => {
    hits += 1;
    request.resume();
    response.end(request.method === "HEAD" ? undefined : "{}");
  });
  worlds.push(world);
  const refused = [
    ["GET", "/llm/anthropic/v1/messages", 405],
    ["DELETE", "/llm/anthropic/v1/models/x", 405],
    ["GET", "/llm/anthropic/", 405],
    ["POST", "/llm/anthropic/v1/messages/batches", 404],
    ["POST", "/llm/anthropic/v1/messages/", 404],
    ["POST", "/llm/anthropic//v1/messages", 404],
    ["POST", "/llm/anthropic/v1/messages/../files", 404],
    ["POST", "/llm/anthropic/v1/%6dessages", 404],
    ["GET", "/llm/anthropic/v1/models/../../files", 404],
    ["GET", "/llm/anthropic/v1/models/%2e%2e", 404],
    ["GET", "/llm/anthropic/v1/files", 404],
    ["GET", "/llm/anthropic/v1/organizations/me", 404],
    ["POST", "/llm/anthropicx/v1/messages", 404],
    ["POST", "/llm/openai/v1/messages", 404],
    ["POST", "/llm/openai/v1/responses/compact", 404],
    ["GET", "/llm/openai/v1/responses/resp_1", 404],
    ["POST", "/llm/openai/v1/embeddings", 404],
    ["POST", "/llm/openai/v1/files", 404],
    ["POST", "/llm/gemini/v1beta/models/m:embedContent", 404],
    ["POST", "/llm/gemini/v1beta/models/a/b:generateContent", 404],
    ["POST", "/llm/gemini/v1beta/cachedContents", 404],
    ["POST", "/llm/gemini/upload/v1beta/files", 404],
    ["GET", "/llm/gemini/v1beta/models/m:generateContent", 405],
    ["POST", "/llm/local/api/pull", 404],
    ["GET", "/llm/local/v1/models/../../api/tags", 404],
    ["POST", "/llm/other/v1/messages", 404],
    ["GET", "/", 404],
  ] as const;
  for (const [method, path, status] of refused) {
    expect({ method, path, status: (await send(world, { method, path })).status }).toEqual({ method, path, status });
  }
  expect(hits).toBe(0);
  const passed = [
    ["POST", "/llm/anthropic/v1/messages"],
    ["POST", "/llm/anthropic/v1/messages/count_tokens?beta=true"],
    ["GET", "/llm/anthropic/v1/models?limit=3&after_id=a&x=y"],
    ["GET", "/llm/anthropic/v1/models/claude-sonnet-5"],
    ["HEAD", "/llm/anthropic"],
    ["HEAD", "/llm/anthropic/"],
    ["POST", "/llm/openai/v1/responses"],
    ["POST", "/llm/openai/v1/chat/completions"],
    ["GET", "/llm/openai/v1/models"],
    ["GET", "/llm/openai/v1/models/gpt-5.2"],
    ["POST", "/llm/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=x"],
    ["POST", "/llm/gemini/v1beta/models/gemini-2.5-pro:generateContent"],
    ["POST", "/llm/gemini/v1beta/models/gemini-2.5-pro:countTokens"],
    ["POST", "/llm/local/v1/chat/completions"],
    ["POST", "/llm/local/v1/responses"],
    ["POST", "/llm/local/v1/messages"],
    ["GET", "/llm/local/v1/models/hf.co/owner/name:q4"],
  ] as const;
  for (const [method, path] of passed) {
    expect({ method, path, status: (await send(world, { method, path })).status }).toEqual({
      method,
      path,
      status: 200,
    });
  }
  const usages = await world.told(passed.length);
  expect(usages.map(({ operation, paid }) => (paid ? operation : `${operation}: free`))).toEqual([
    "messages",
    "count_tokens: free",
    "models: free",
    "models: free",
    "probe: free",
    "probe: free",
    "responses",
    "chat",
    "models: free",
    "models: free",
    "generate_content",
    "generate_content",
    "count_tokens: free",
    "chat",
    "responses",
    "messages",
    "models: free",
  ]);
  const free = usages.filter(({ paid }) => !paid);
  expect(free.every(({ final, inputTokens }) => final && inputTokens === 0)).toBe(true);
  expect(world.questions.filter((question) => question.free)).toHaveLength(free.length);
});
