import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountLlmRelay } from "./llm-relay.ts";

let app: FastifyInstance;
let upstream: Server;
let target: string | null = null;
let answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void> = () => {};
let url = "";

beforeEach(async () => {
  upstream = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  app = Fastify();
  // As the server has it: bodies are left unread.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  mountLlmRelay(app, () => target);
  await app.listen({ port: 0, host: "127.0.0.1" });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/llm/anthropic/v1/messages`;
});

afterEach(async () => {
  await app.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

describe("model calls on the dispatcher's port", () => {
  it("reach the gateway as they are, and its answer streams back piece by piece", async () => {
    let next = (): void => {};
    answer = async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "x-seen": `${request.url} ${String(request.headers["x-api-key"])} ${body}`,
      });
      response.write("data: one\n\n");
      next = () => response.end("data: two\n\n");
    };
    const response = await fetch(url, { method: "POST", headers: { "x-api-key": "lease-token" }, body: '{"a":1}' });
    expect(response.headers.get("x-seen")).toBe('/llm/anthropic/v1/messages lease-token {"a":1}');
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: one\n\n");
    next();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: two\n\n");
  });

  it("reach it where a whole address asks for them, as programs ask their proxy", async () => {
    answer = (request, response) => void response.end(`<${request.url}>`);
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, "127.0.0.1");
    socket.write("POST http://elsewhere.invalid/llm/a HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
    let answered = "";
    for await (const chunk of socket) {
      answered += String(chunk);
      if (answered.includes(">")) break;
    }
    expect(answered).toContain("</llm/a>");
  });

  it("end at the gateway when the agent hangs up", async () => {
    const gone = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.write("data: one\n\n");
        response.once("close", resolve);
      };
    });
    const hangUp = new AbortController();
    const response = await fetch(url, { signal: hangUp.signal });
    await response.body?.getReader().read();
    hangUp.abort();
    await gone;
  });

  it("get 503 and when to come back while the gateway is not there", async () => {
    target = null;
    const response = await fetch(url, { method: "POST", body: "{}" });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toMatchObject({ code: "not_ready" });
  });

  it("get 503 when the gateway's port answers nothing", async () => {
    target = "http://127.0.0.1:1";
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(503);
  });
});
