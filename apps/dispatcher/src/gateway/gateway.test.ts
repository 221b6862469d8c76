import type { RequestListener } from "node:http";
import { afterEach, expect, test } from "vitest";
import { FIGURES, JSON_ANSWER, METERED, streamEvents } from "./anthropic.fixture.ts";
import {
  bytesOf,
  openCall,
  responseTo,
  send,
  SERVER_KEY,
  SMALL_BODY,
  startWorld,
  TOKEN,
  type Answer,
  type World,
} from "./gateway.fixture.ts";
import type { GatewayOptions } from "./contract.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(upstream: RequestListener, options?: Partial<GatewayOptions>): Promise<World> {
  const world = await startWorld(upstream, options);
  worlds.push(world);
  return world;
}

const answerJson: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(200, { "content-type": "application/json", "request-id": "req_1" }).end(JSON_ANSWER);
};

function problemOf(answer: Answer): { status: number; code: string; type: string; message: string } {
  const body = JSON.parse(answer.body.toString()) as { code: string; error: { type: string; message: string } };
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  return { status: answer.status, code: body.code, ...body.error };
}

test("a JSON call goes up with the server's key and comes back byte for byte, counted once", async () => {
  let seen: unknown;
  const world = await start((request, response) => {
    void bytesOf(request).then((body) => {
      seen = { url: request.url, headers: request.headers, body: body.toString() };
      answerJson(request, response);
    });
  });
  const answer = await send(world, {
    path: "/llm/anthropic/v1/messages?beta=true&debug=1",
    headers: {
      "x-api-key": TOKEN,
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "tools-1",
      "content-type": "application/json",
      "accept-encoding": "gzip, br",
      cookie: "a=b",
      "x-forwarded-for": "10.0.0.1",
    },
    body: '{"model":"m","secret prompt":1}',
  });
  expect([answer.status, answer.body.toString()]).toEqual([200, JSON_ANSWER]);
  expect(seen).toEqual({
    url: "/v1/messages?beta=true",
    body: '{"model":"m","secret prompt":1}',
    headers: {
      "x-api-key": SERVER_KEY,
      "accept-encoding": "identity",
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "tools-1",
      "content-type": "application/json",
      "content-length": "31",
      host: `127.0.0.1:${world.upstreamPort}`,
      connection: "keep-alive",
    },
  });
  expect(await world.told(1)).toEqual([
    {
      ...METERED,
      callId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      jobId: "demo-1",
      fence: 7,
      provider: "anthropic",
      operation: "messages",
      paid: true,
      status: 200,
      requestId: "req_1",
      stream: false,
      aborted: false,
      key: "THE_KEY",
      tries: 1,
      requestBytes: 31,
      responseBytes: Buffer.byteLength(JSON_ANSWER),
    },
  ]);
});

test("the token may come as a bearer too", async () => {
  const world = await start((request, response) => {
    expect(request.headers.authorization).toBeUndefined();
    answerJson(request, response);
  });
  expect((await send(world, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
});

test("a stream is passed on byte for byte in whatever pieces it comes", async () => {
  const stream = Buffer.from(streamEvents().join(""));
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const byte of stream) {
      response.write(Uint8Array.of(byte));
    }
    response.end();
  });
  const answer = await send(world);
  expect(answer.body.equals(stream)).toBe(true);
  expect(await world.told(1)).toMatchObject([{ ...METERED, stream: true, aborted: false, status: 200 }]);
});

test("each event reaches the client before the next one was sent", async () => {
  const events = streamEvents();
  let next: () => void = () => undefined;
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    const rest = [...events];
    next = () => {
      const event = rest.shift();
      if (event === undefined) {
        response.end();
      } else {
        response.write(event);
      }
    };
  });
  const request = openCall(world);
  request.end(SMALL_BODY);
  const response = await responseTo(request);
  let got = "";
  next();
  for await (const chunk of response) {
    got += String(chunk);
    // The next event is sent only when this one arrived whole: a gateway that gathers would stop here for ever.
    if (got.endsWith("\n\n")) {
      next();
    }
  }
  expect(got).toBe(events.join(""));
});

test("errors that waiting does not mend pass unchanged, and cost nothing", async () => {
  const body = '{"type":"error","error":{"type":"not_found_error","message":"no such model"}}';
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(404, {
      "content-type": "application/json",
      "retry-after": "17",
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-organization-id": "org-secret",
      "set-cookie": "cf=1",
      server: "cloudflare",
      "x-internal": "1",
    });
    response.end(body);
  });
  const answer = await send(world);
  expect([answer.status, answer.body.toString(), answer.headers["retry-after"]]).toEqual([404, body, "17"]);
  expect(answer.headers["anthropic-ratelimit-requests-remaining"]).toBe("0");
  for (const name of ["anthropic-organization-id", "set-cookie", "server", "x-internal"]) {
    expect(answer.headers[name]).toBeUndefined();
  }
  expect(await world.told(1)).toMatchObject([{ status: 404, inputTokens: 0, final: true, aborted: false, tries: 1 }]);
});

test("an error in the middle of a stream passes too", async () => {
  const body = `${streamEvents().slice(0, 4).join("")}event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n`;
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" }).end(body);
  });
  expect((await send(world)).body.toString()).toBe(body);
  expect(await world.told(1)).toMatchObject([{ aborted: false, final: false, inputTokens: FIGURES.input }]);
});

test("betas that let the provider call other servers are left out, the others pass", async () => {
  const betas: unknown[] = [];
  const world = await start((request, response) => {
    betas.push(request.headers["anthropic-beta"]);
    answerJson(request, response);
  });
  const given = [
    "a-1, mcp-client-2025-04-04,b-2 ,files-api-2025-04-14",
    "mcp-client-2025-11-20",
    "claude-code-20250219",
  ];
  for (const beta of given) {
    await send(world, { headers: { "x-api-key": TOKEN, "anthropic-beta": beta } });
  }
  expect(betas).toEqual(["a-1,b-2", undefined, "claude-code-20250219"]);
});

test("the provider's base address may have a path", async () => {
  const urls: unknown[] = [];
  const inner = await start((request, response) => {
    urls.push(request.url);
    answerJson(request, response);
  });
  const baseUrl = `http://127.0.0.1:${inner.upstreamPort}/proxy/anthropic/`;
  const world = await start(answerJson, { upstreams: { anthropic: { baseUrl, keys: [{ label: "K", value: "k" }] } } });
  await send(world, { path: "/llm/anthropic/v1/messages?beta=true" });
  expect(urls).toEqual(["/proxy/anthropic/v1/messages?beta=true"]);
});

test("without a token, or with one that opens nothing, the provider hears nothing", async () => {
  let hits = 0;
  const world = await start((_, response) => response.end(String((hits += 1))));
  const long = "x".repeat(5_000);
  for (const headers of [{}, { "x-api-key": "" }, { authorization: "Basic YTpi" }, { "x-api-key": long }]) {
    expect(problemOf(await send(world, { headers }))).toMatchObject({ status: 401, type: "authentication_error" });
  }
  world.verdict = () => Promise.resolve({ ok: false, code: "lease_lost", message: "This lease is over" });
  const lost = await send(world);
  expect(problemOf(lost)).toMatchObject({ status: 409, code: "lease_lost", message: "This lease is over" });
  expect(lost.headers["x-should-retry"]).toBe("false");
  world.verdict = () => Promise.reject(new Error("dispatcher away"));
  const away = await send(world);
  expect(problemOf(away)).toMatchObject({ status: 503, code: "not_ready" });
  expect(away.headers["retry-after"]).toBe("2");
  expect([hits, world.usages.length]).toEqual([0, 0]);
});

test("a lease that ended a moment ago opens nothing, though its token is known", async () => {
  let hits = 0;
  const world = await start((request, response) => {
    hits += 1;
    answerJson(request, response);
  });
  let asked = 0;
  world.verdict = () => {
    asked += 1;
    return Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  };
  world.admit = () => Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  await send(world);
  await send(world);
  expect([asked, hits]).toEqual([1, 2]);
  world.admit = () => Promise.resolve({ ok: false, code: "lease_lost", message: "This lease is over" });
  expect(problemOf(await send(world))).toMatchObject({ status: 409, code: "lease_lost" });
  // From now on nothing is read before it is asked about.
  world.verdict = () => Promise.resolve({ ok: false, code: "lease_lost", message: "over" });
  expect(problemOf(await send(world))).toMatchObject({ status: 409, message: "over" });
  expect(hits).toBe(2);
});

test("without a key the answer says what to set", async () => {
  const world = await start(answerJson, { upstreams: { anthropic: undefined, openai: undefined, local: undefined } });
  const answer = await send(world);
  expect(problemOf(answer)).toMatchObject({ status: 503, code: "no_provider_key" });
  expect(answer.body.toString()).toContain("ANTHROPIC_API_KEY");
  expect(answer.headers["x-should-retry"]).toBe("false");
  expect((await send(world, { path: "/llm/openai/v1/responses" })).body.toString()).toContain("OPENAI_API_KEY");
  expect((await send(world, { path: "/llm/local/v1/chat/completions" })).body.toString()).toContain("hive.yaml");
});

test("a body beyond the limit is refused, by its length or while it comes", async () => {
  const world = await start((request) => void request.resume(), { limits: { maxRequestBytes: 1_000 } });
  const said = await send(world, {
    headers: { "x-api-key": TOKEN, "content-length": "1001" },
    body: "x".repeat(1_001),
  });
  expect(problemOf(said)).toMatchObject({ status: 413, code: "body_too_large", type: "request_too_large" });
  expect(world.usages).toHaveLength(0);
  const chunked = await send(world, {
    headers: { "x-api-key": TOKEN, "transfer-encoding": "chunked" },
    body: "x".repeat(1_001),
  });
  expect(problemOf(chunked)).toMatchObject({ status: 413 });
  // Nothing was asked of anybody, so there is nothing to tell.
  expect([world.questions, world.usages]).toEqual([[], []]);
});

test("a compressed request is refused", async () => {
  const world = await start(answerJson);
  const answer = await send(world, { headers: { "x-api-key": TOKEN, "content-encoding": "gzip" } });
  expect(problemOf(answer)).toMatchObject({ status: 415 });
});

test("a redirect is not followed, and a compressed answer is not passed on uncounted", async () => {
  let location = "";
  let status = 307;
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(status, status === 307 ? { location } : { "content-encoding": "gzip" }).end("x");
  });
  let stolen = 0;
  const thief = await start((_, response) => response.end(String((stolen += 1))));
  location = `http://127.0.0.1:${thief.upstreamPort}/`;
  expect(problemOf(await send(world))).toMatchObject({ status: 502, code: "provider_unreachable" });
  status = 200;
  expect(problemOf(await send(world))).toMatchObject({ status: 502, code: "provider_unreachable" });
  expect(stolen).toBe(0);
  // The answer that was thrown away was paid for; nobody knows how dearly.
  expect((await world.told(2)).map(({ status, final }) => [status, final])).toEqual([
    [307, true],
    [200, false],
  ]);
});

test("neither logs nor refusals hold a prompt, a token or the key", async () => {
  const world = await start(answerJson, {
    onUsage: () => Promise.reject(new Error("no room")),
  });
  await send(world, { body: '{"model":"m","prompt":"PRIVATE WORDS"}' });
  const answer = await send(world, { path: "/llm/anthropic/v1/files", body: "PRIVATE WORDS" });
  const text = world.logged.join("\n") + answer.body.toString() + JSON.stringify(answer.headers);
  expect(world.logged.some((line) => line.includes("was not counted"))).toBe(true);
  for (const secret of ["PRIVATE", TOKEN, SERVER_KEY, "Grüße"]) {
    expect(text).not.toContain(secret);
  }
});
