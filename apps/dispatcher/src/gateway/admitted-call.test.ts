/** What is asked before a call and told after it, and what an agent hears when the answer is no. */
import type { RequestListener } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import type { CallQuestion } from "./contract.ts";
import { samples } from "./dialects/answers.fixture.ts";
import {
  bytesOf,
  closed,
  type Call,
  openCall,
  send,
  SERVER_KEY,
  startWorld,
  TOKEN,
  type World,
  type WorldOptions,
} from "./gateway.fixture.ts";
import type { TokenVerdict } from "./live-calls.ts";
import { tokenOf } from "./request-token.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(upstream: RequestListener, options?: WorldOptions): Promise<World> {
  const world = await startWorld(upstream, options);
  worlds.push(world);
  return world;
}

const CALLS = {
  messages: ["/llm/anthropic/v1/messages", { model: "m", max_tokens: 100 }],
  responses: ["/llm/openai/v1/responses", { model: "m", stream: true }],
  chat: ["/llm/openai/v1/chat/completions", { model: "m", max_tokens: 100 }],
  generateContent: ["/llm/gemini/v1beta/models/m:streamGenerateContent?alt=sse", { contents: [] }],
} as const;
type Name = keyof typeof CALLS;
const NAMES: readonly Name[] = ["messages", "responses", "chat", "generateContent"];

function callOf(name: Name): Call {
  const [path, body] = CALLS[name];
  return { path, body: JSON.stringify(body) };
}

/** Streams each API's sample answer. */
const streamSample: RequestListener = (request, response) => {
  const url = request.url ?? "";
  const name = NAMES.find((one) => CALLS[one][0].endsWith(url)) ?? "messages";
  request.resume();
  response.writeHead(200, { "content-type": "text/event-stream" }).end(samples[name].stream.join(""));
};

describe.each(NAMES)("%s", (name) => {
  test("the worst case is asked for before the call, what it used is told after it, under one id", async () => {
    const world = await start(streamSample);
    const answer = await send(world, callOf(name));
    expect(answer.body.toString()).toBe(samples[name].stream.join(""));
    const [usage] = await world.told(1);
    expect(usage).toMatchObject({ ...samples[name].metered, paid: true, jobId: "demo-1", fence: 7 });
    const outputTokens = { messages: 100, responses: 128_000, chat: 100, generateContent: 65_536 }[name];
    expect(world.questions).toEqual([
      {
        token: TOKEN,
        callId: usage?.callId,
        provider: usage?.provider,
        model: "m",
        worst: { inputTokens: expect.any(Number), outputTokens, webSearches: 0 },
        free: false,
      },
    ]);
  });

  test("a call that the budget does not cover is never made, and its agent does not ask again", async () => {
    let hits = 0;
    const world = await start((_, response) => response.end(String((hits += 1))));
    const message = "The budget of 5 USD is used up";
    world.admit = () => Promise.resolve({ ok: false, code: "budget_exceeded", message });
    const answer = await send(world, callOf(name));
    const body = JSON.parse(answer.body.toString()) as { code: string; error: { message: string } };
    // Which statuses a CLI repeats was tried with each of them: Codex takes 400 alone as an end.
    const status = { messages: 402, responses: 400, chat: 400, generateContent: 402 }[name];
    expect([answer.status, answer.headers["x-should-retry"], body.code, body.error.message]).toEqual([
      status,
      "false",
      "budget_exceeded",
      message,
    ]);
    // Nothing was set aside, so there is nothing to settle.
    expect([hits, world.usages]).toEqual([0, []]);
  });
});

test("a call whose admission nobody answered is asked for once more, as the same call, and settled when that fails", async () => {
  const world = await start(streamSample);
  const asked: CallQuestion[] = [];
  let failures = 1;
  world.admit = (question) => {
    asked.push(question);
    failures -= 1;
    return failures >= 0 ? Promise.reject(new Error("away")) : Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  };
  expect((await send(world, callOf("messages"))).status).toBe(200);
  expect([asked.length, new Set(asked.map(({ callId }) => callId)).size]).toEqual([2, 1]);
  failures = 2;
  const answer = await send(world, callOf("messages"));
  expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "2"]);
  const [, settled] = await world.told(2);
  expect(settled).toMatchObject({
    callId: asked.at(-1)?.callId,
    tries: 0,
    inputTokens: 0,
    outputTokens: 0,
    final: true,
  });
});

test("a call that was refused only when it was asked for again is settled as nothing: the first question may have been heard", async () => {
  const world = await start(streamSample);
  let asked = 0;
  world.admit = () => {
    asked += 1;
    return asked === 1
      ? Promise.reject(new Error("the answer was lost"))
      : Promise.resolve({ ok: false, code: "lease_lost", message: "over" });
  };
  expect((await send(world, callOf("messages"))).status).toBe(409);
  const [settled] = await world.told(1);
  expect(settled).toMatchObject({ tries: 0, inputTokens: 0, outputTokens: 0, final: true });
});

test("a client that leaves while its call is asked for: the provider hears nothing, and what was set aside is settled", async () => {
  let hits = 0;
  const world = await start((_, response) => response.end(String((hits += 1))));
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<TokenVerdict>();
  world.admit = () => {
    asked.resolve();
    return answer.promise;
  };
  const request = openCall(world, { path: CALLS.messages[0] });
  const gone = closed(request);
  request.end(JSON.stringify(CALLS.messages[1]));
  await asked.promise;
  request.destroy();
  await Promise.all([gone, world.left()]);
  answer.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  expect(await world.told(1)).toMatchObject([{ tries: 0, inputTokens: 0, final: true, aborted: true }]);
  expect(hits).toBe(0);
});

test("a lease without its first heartbeat may not call", async () => {
  const world = await start(streamSample);
  world.admit = () => Promise.resolve({ ok: false, code: "not_begun", message: "not yet" });
  expect((await send(world, callOf("messages"))).status).toBe(409);
});

test("what is no JSON object, or asks for what is not passed on, is told so and nobody is asked", async () => {
  const world = await start(streamSample);
  for (const body of ["", "[]", "null", "{", '"x"', "{}", '{"model":"m","mcp_servers":[]}']) {
    const answer = await send(world, { body });
    expect([body, answer.status, answer.headers["x-should-retry"]]).toEqual([body, 400, "false"]);
  }
  expect([world.questions, world.usages]).toEqual([[], []]);
});

test("the key replaces the token wherever the token was, and the query's is not passed on", async () => {
  const seen: unknown[] = [];
  const world = await start((request, response) => {
    const { authorization, "x-api-key": apiKey, "x-goog-api-key": googleKey } = request.headers;
    seen.push([request.url, authorization ?? apiKey ?? googleKey]);
    request.resume();
    response.end("{}");
  });
  const ways: readonly Call[] = [
    { path: "/llm/gemini/v1beta/models/m:generateContent?key=TOKEN&alt=sse", headers: {} },
    { path: "/llm/gemini/v1beta/models/m:generateContent", headers: { "x-goog-api-key": TOKEN } },
    { path: "/llm/openai/v1/responses", headers: { authorization: `Bearer ${TOKEN}`, "openai-organization": "org-x" } },
  ];
  for (const way of ways) {
    expect((await send(world, way)).status).toBe(200);
  }
  expect(seen).toEqual([
    ["/v1beta/models/m:generateContent?alt=sse", SERVER_KEY],
    ["/v1beta/models/m:generateContent", SERVER_KEY],
    ["/v1/responses", `Bearer ${SERVER_KEY}`],
  ]);
  expect(world.logged.join("\n")).not.toContain("TOKEN");
});

test("a token that is too long, or empty, is none", () => {
  expect(tokenOf({ headers: { authorization: "Basic YTpi" }, url: "/x?key=" })).toBeNull();
  expect(tokenOf({ headers: { "x-api-key": "x".repeat(5_000) }, url: "/x" })).toBeNull();
  expect(tokenOf({ headers: { "x-api-key": "" }, url: "/x?key=ab%2Bc" })).toBe("ab+c");
});

test("requests fill the memory only so far, and make room when they are over", async () => {
  const world = await start(streamSample, { limits: { maxHeldBytes: 1_000 } });
  const big = { ...callOf("messages"), body: JSON.stringify({ model: "m", text: "x".repeat(900) }) };
  const held = openCall(world, { ...callOf("messages"), headers: { "x-api-key": TOKEN, "content-length": "2000" } });
  held.on("error", () => undefined);
  const arrived = Promise.withResolvers<void>();
  world.verdict = () => {
    arrived.resolve();
    return Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  };
  held.write("x".repeat(500));
  await arrived.promise;
  const refused = await send(world, big);
  expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "2"]);
  held.destroy();
  let answer = await send(world, big);
  // The gateway hears of a client's end in its own time.
  for (let tries = 0; answer.status === 503 && tries < 1_000; tries += 1) {
    answer = await send(world, big);
  }
  expect(answer.status).toBe(200);
});

test("what is asked and answered is logged when the operator wants it, and never else", async () => {
  for (const logPrompts of [true, false]) {
    const world = await start(
      (request, response) =>
        void bytesOf(request).then(() =>
          response.writeHead(200, { "content-type": "text/event-stream" }).end(samples.messages.stream.join("")),
        ),
      { logPrompts },
    );
    await send(world, { body: '{"model":"m","system":"PRIVATE QUESTION"}' });
    await world.told(1);
    const log = world.logged.join("\n");
    expect([log.includes("PRIVATE QUESTION"), log.includes("quite some words")]).toEqual([logPrompts, logPrompts]);
    expect(log).not.toContain(SERVER_KEY);
    expect(log).not.toContain(TOKEN);
  }
});

test("a call that nobody pays for counts nothing", async () => {
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json" }).end('{"input_tokens":7}');
  });
  await send(world, { path: "/llm/anthropic/v1/messages/count_tokens" });
  const [usage] = await world.told(1);
  expect(usage).toMatchObject({ paid: false, inputTokens: 0, final: true });
});
