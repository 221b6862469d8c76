/** The stand-in itself: what it streams is what the formats say, what it counts is what it told. */
import { afterEach, expect, test } from "vitest";
import { figuresOf } from "./figures.ts";
import { type ModelServer, type ModelServerOptions, startModels } from "./model-server.ts";
import { fail, run, say, type Step, usageLimit, write } from "./steps.ts";

const servers: ModelServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: ModelServerOptions = {}): Promise<ModelServer> {
  const server = await startModels(options);
  servers.push(server);
  return server;
}

/** How a client of each API asks, with one tool offered, and where its answer says text, tool and usage. */
const CLIENTS = {
  anthropic: {
    path: "/v1/messages",
    body: { stream: true, model: "m", tools: [{ name: "Write" }], messages: "STORY" },
    key: { "x-api-key": "the-key" },
    usage: { input_tokens: 1_007, cache_read_input_tokens: 503, output_tokens: 41 },
  },
  responses: {
    path: "/v1/responses",
    body: { stream: true, model: "m", tools: [{ type: "custom", name: "apply_patch" }], input: "STORY" },
    key: { authorization: "Bearer the-key" },
    usage: { input_tokens: 1_510, input_tokens_details: { cached_tokens: 503 }, output_tokens: 41 },
  },
  chat: {
    path: "/v1/chat/completions",
    body: {
      stream: true,
      stream_options: { include_usage: true },
      model: "m",
      tools: [{ function: { name: "write" } }],
      messages: "STORY",
    },
    key: { authorization: "Bearer the-key" },
    usage: { prompt_tokens: 1_510, prompt_tokens_details: { cached_tokens: 503 }, completion_tokens: 41 },
  },
  gemini: {
    path: "/v1beta/models/m:streamGenerateContent?alt=sse",
    body: { tools: [{ functionDeclarations: [{ name: "write_file" }] }], contents: "STORY" },
    key: { "x-goog-api-key": "the-key" },
    usage: {
      promptTokenCount: 1_510,
      cachedContentTokenCount: 503,
      candidatesTokenCount: 40,
      thoughtsTokenCount: 1,
      totalTokenCount: 1_551,
    },
  },
} as const;
type Client = keyof typeof CLIENTS;
const NAMES: readonly Client[] = ["anthropic", "responses", "chat", "gemini"];

function ask(server: ModelServer, client: Client, more: object = {}): Promise<Response> {
  const { path, body, key } = CLIENTS[client];
  return fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...key },
    body: JSON.stringify({ ...body, ...more }),
  });
}

/** The JSON of each record of a stream. */
function records(stream: string): Record<string, unknown>[] {
  return [...stream.matchAll(/^data: (\{.*)$/gm)].map((match) => JSON.parse(match[1] ?? "") as Record<string, unknown>);
}

test.each(NAMES)("%s: an answer comes in small pieces, with the figures that are counted", async (client) => {
  const server = await start({ pieceBytes: 3 });
  server.play("STORY", [say("Grüße an alle, mit Umlauten")]);
  const answer = await ask(server, client);
  const text = await answer.text();
  expect(answer.headers.get("content-type")).toBe("text/event-stream");
  const said = [...text.matchAll(/"(?:text|delta|content)":"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]).join("");
  expect(said).toContain("Grüße an alle, mit Umlauten");
  const usages = JSON.stringify(records(text).at(-1)) + JSON.stringify(records(text).at(-2));
  for (const [name, value] of Object.entries(CLIENTS[client].usage)) {
    expect(usages).toContain(`"${name}":${typeof value === "number" ? value : JSON.stringify(value)}`);
  }
  expect(server.calls).toMatchObject([{ key: "the-key", model: "m", state: "answered", told: figuresOf(1) }]);
  expect(server.costOf("STORY")).toEqual({ answers: 1, ...figuresOf(1) });
});

test.each(NAMES)("%s: a file is asked for through the tool that was offered", async (client) => {
  const server = await start();
  server.play("STORY", [write("a/b.txt", "one\ntwo\n")]);
  const text = (await (await ask(server, client)).text()).replaceAll("\\", "");
  const tool = { anthropic: "Write", responses: "apply_patch", chat: "write", gemini: "write_file" }[client];
  expect(text).toContain(`"name":"${tool}"`);
  expect(text).toMatch(/tool_use|custom_tool_call|tool_calls|functionCall/);
});

test.each(NAMES)("%s: errors, hints and limits are told the provider's way", async (client) => {
  const server = await start();
  server.play("STORY", [fail(529), fail(429, { retryAfterSeconds: 7 }), usageLimit(3_600), fail(401)]);
  const replies: string[] = [];
  for (const _ of [1, 2, 3, 4]) {
    const reply = await ask(server, client);
    replies.push(`${reply.status} ${reply.headers.get("retry-after")} ${await reply.text()}`);
  }
  const google = client === "gemini";
  expect(replies[0]).toMatch(client === "anthropic" ? /^529 .*overloaded_error/ : /^503 /);
  expect(replies[1]).toMatch(google ? /^429 .*RetryInfo","retryDelay":"7s"/ : /^429 7 /);
  expect(replies[2]).toMatch(google ? /QuotaFailure.*"3600s"/ : /^429 3600 /);
  expect(replies[3]).toMatch(/^401 .*(authentication_error|invalid_api_key|UNAUTHENTICATED)/);
  expect(server.calls.map((call) => call.state)).toEqual(["failed", "failed", "failed", "failed"]);
  expect(server.costOf("STORY").answers).toBe(0);
});

test.each(NAMES)("%s: an answer that breaks off has no last figures and is not counted", async (client) => {
  const server = await start();
  server.play("STORY", [{ do: "cut", text: "This answer is long enough to have a middle" }]);
  const answer = await ask(server, client);
  await expect(answer.text()).rejects.toThrow();
  expect(server.calls).toMatchObject([{ state: "cut", told: null }]);
});

test.each(NAMES)("%s: a refusal ends the answer without an error", async (client) => {
  const server = await start();
  server.play("STORY", [{ do: "refuse", text: "No." }]);
  const answer = await ask(server, client);
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(/refusal|content_filter|SAFETY/)]);
});

test("steps are used up in order, side calls use none, the newest story with its words plays", async () => {
  const server = await start();
  server.play("STORY", [say("of the old story")]);
  const story = server.play("STORY", [say("first"), say("second")], say("for ever"));
  const said: string[] = [];
  for (const tools of [undefined, [], undefined, undefined, undefined]) {
    const answer = await ask(server, "chat", { stream: false, ...(tools === undefined ? {} : { tools }) });
    const { choices } = (await answer.json()) as { choices: [{ message: { content: string } }] };
    said.push(choices[0].message.content);
  }
  expect(said).toEqual(["first", "A title", "second", "for ever", "for ever"]);
  expect(story.played).toBe(4);
  expect(server.costOf("STORY").answers).toBe(5);
});

test("a key can be refused, and a call that waits is seen before it is answered", async () => {
  const server = await start({ withoutTools: true });
  const gate = Promise.withResolvers<void>();
  server.play("STORY", [say("late", { after: gate.promise })]);
  server.refuseKey("the-key", { do: "fail", status: 403 } satisfies Step);
  expect((await ask(server, "chat")).status).toBe(403);
  server.refuseKey("the-key", null);
  const answers = [ask(server, "anthropic"), ask(server, "gemini")];
  await server.played("STORY", 2);
  expect(server.mostAtOnce()).toBe(2);
  gate.resolve();
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200]);
});

test("a command for a program without a shell is a mistake of the script, and says so", async () => {
  const server = await start();
  server.play("STORY", [run("true")]);
  const answer = await ask(server, "gemini");
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("no shell among the tools")]);
});
