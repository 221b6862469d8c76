import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect } from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { HandClock } from "../queue/queue.fixture.ts";
import type { Readiness } from "../queue/contract.ts";
import { createForwarder } from "./forward.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => void answer(request, response));
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address that nobody listens on. */
async function nobody(): Promise<string> {
  const url = await serve(() => {});
  const server = servers.pop();
  await new Promise((done) => server?.close(done));
  return url;
}

const standbyOf = (url: string | null): Readiness => ({
  ready: false,
  role: "standby",
  why: "a standby",
  retryAfterMs: 1_000,
  queen: url === null ? null : { url },
});

/** A standby that answers 200 `here` once it is the queen itself, and a refusal by its code. */
async function standby(first: Readiness) {
  let readiness = first;
  const listeners = new Set<(readiness: Readiness) => void>();
  const clock = new HandClock();
  const queue = {
    readiness: () => readiness,
    onReadiness(listener: (readiness: Readiness) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const forwarder = createForwarder({ queue, clock, log: { warn: () => undefined } });
  const passed: (number | null)[] = [];
  const url = await serve(async (request, response) => {
    try {
      const status = await forwarder.pass(request, response);
      passed.push(status);
      if (status === null) response.end("here");
    } catch (error) {
      response.writeHead(503).end((error as { readonly code: string }).code);
    }
  });
  return {
    url,
    clock,
    forwarder,
    passed,
    // One is the forwarder's own.
    waiting: () => listeners.size - 1,
    become: (next: Readiness): void => {
      readiness = next;
      for (const listener of [...listeners]) listener(next);
    },
  };
}

/** What is answered to these bytes, until this is among it. */
async function speak(url: string, bytes: string, until: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write(bytes);
  let answered = "";
  for await (const chunk of socket) {
    answered += String(chunk);
    if (answered.includes(until)) break;
  }
  return answered;
}

async function waitFor(what: () => boolean): Promise<void> {
  const until = performance.now() + 5_000;
  while (!what() && performance.now() < until) await new Promise((done) => setImmediate(done));
  expect(what()).toBe(true);
}

describe("a standby", () => {
  it("hands on method, path, body and headers, and the answer's, but nothing of the connection", async () => {
    const queen = await serve(async (request, response) => {
      const { method, url, headers } = request;
      const body = await text(request);
      response.writeHead(207, { "x-of-hers": "1", "content-type": "application/json" });
      response.end(JSON.stringify({ method, url, headers, body }));
    });
    const { url, passed } = await standby(standbyOf(queen));
    const reply = await fetch(`${url}/v1/x?y=%2F`, {
      method: "PUT",
      body: "some bytes",
      headers: { authorization: "Bearer t", "content-type": "text/plain", te: "trailers" },
    });
    expect(reply.status).toBe(207);
    expect(reply.headers.get("x-of-hers")).toBe("1");
    const { headers, ...rest } = (await reply.json()) as { readonly headers: Record<string, string> };
    expect(rest).toEqual({ method: "PUT", url: "/v1/x?y=%2F", body: "some bytes" });
    expect(headers).toMatchObject({ authorization: "Bearer t", "content-type": "text/plain", "content-length": "10" });
    expect(headers["host"]).toBe(new URL(queen).host);
    expect(headers["te"]).toBeUndefined();
    expect(passed).toEqual([207]);
  });

  it("hands on piece by piece, both ways", async () => {
    const queen = await serve((request, response) => {
      request.on("data", (chunk: Buffer) => response.write(chunk.toString().toUpperCase()));
      request.on("end", () => response.end());
    });
    const { url } = await standby(standbyOf(queen));
    const call = httpRequest(url, { method: "POST" });
    call.write("one");
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    const [first] = (await once(answer, "data")) as [Buffer];
    expect(first.toString()).toBe("ONE");
    call.write("two");
    const [second] = (await once(answer, "data")) as [Buffer];
    expect(second.toString()).toBe("TWO");
    call.end();
    await once(answer, "end");
  });

  it("tells the queen that nobody waits for her answer any more", async () => {
    const left = Promise.withResolvers<void>();
    const queen = await serve((_request, response) => {
      response.write("begun");
      response.once("close", () => left.resolve());
    });
    const { url } = await standby(standbyOf(queen));
    const stop = new AbortController();
    const reply = await fetch(url, { signal: stop.signal });
    stop.abort();
    await left.promise;
    await expect(reply.text()).rejects.toThrow();
  });

  it("does not let an answer that broke off look whole", async () => {
    const queen = await serve((_request, response) => {
      response.write("half of");
      setImmediate(() => response.destroy());
    });
    const { url } = await standby(standbyOf(queen));
    await expect(fetch(url).then((reply) => reply.text())).rejects.toThrow();
  });

  it("looks for the next queen when nobody can have got the request, which then is whole", async () => {
    const { url, become, clock, waiting } = await standby(standbyOf(await nobody()));
    const reply = fetch(url, { method: "POST", body: "kept" });
    await waitFor(() => waiting() > 0);
    become(standbyOf(await serve(async (request, response) => response.end(await text(request)))));
    await clock.pass(100);
    expect(await (await reply).text()).toBe("kept");
  });

  it("asks the next queen when the one it knew is none any more, unless the body was too long to keep", async () => {
    const former = await standby(standbyOf(null));
    const { url, become, clock, waiting } = await standby(standbyOf(former.url));
    const long = await fetch(url, { method: "POST", body: "x".repeat(20_000) });
    expect([long.status, await long.text()]).toEqual([503, "not_ready"]);
    const reply = fetch(url, { method: "POST", body: "kept" });
    await waitFor(() => waiting() > 0);
    become(standbyOf(await serve(async (request, response) => response.end(await text(request)))));
    await clock.pass(100);
    expect(await (await reply).text()).toBe("kept");
  });

  it("says that the outcome is unknown when the queen may have got the request, and sends it once", async () => {
    let heard = 0;
    const queen = await serve((request) => {
      heard += 1;
      request.socket.destroy();
    });
    const { url } = await standby(standbyOf(queen));
    const reply = await fetch(url, { method: "POST", body: "once" });
    expect([reply.status, await reply.text()]).toEqual([503, "store_failed"]);
    expect(heard).toBe(1);
  });

  it("asks again for what only reads, when the queen died over it", async () => {
    const queen = await serve((request) => request.socket.destroy());
    const { url, become, clock, waiting } = await standby(standbyOf(queen));
    const reply = fetch(url);
    await waitFor(() => waiting() > 0);
    become(standbyOf(await serve((_request, response) => response.end("hers"))));
    await clock.pass(100);
    expect(await (await reply).text()).toBe("hers");
  });

  it("passes on a refusal that came before the body was read", async () => {
    const queen = await serve((_request, response) => response.writeHead(401).end("who are you"));
    const { url } = await standby(standbyOf(queen));
    const reply = await fetch(url, { method: "POST", body: "x".repeat(200_000) });
    expect([reply.status, await reply.text()]).toEqual([401, "who are you"]);
  });

  it("waits for a queen that is being elected, and answers itself when it is the one", async () => {
    const { url, become, waiting } = await standby(standbyOf(null));
    const reply = fetch(url);
    await waitFor(() => waiting() > 0);
    become({ ready: true });
    expect(await (await reply).text()).toBe("here");
  });

  it("refuses when there is no queen for five seconds", async () => {
    const { url, clock, waiting } = await standby(standbyOf(null));
    const reply = fetch(url);
    await waitFor(() => waiting() > 0);
    await clock.pass(5_000);
    expect(await (await reply).text()).toBe("not_ready");
  });

  it("refuses what another standby handed on, for two that are wrong about the queen would never end", async () => {
    const { url, passed } = await standby(standbyOf("http://127.0.0.1:1"));
    const reply = await fetch(url, { headers: { "x-hive-forwarded": "1" } });
    expect([await reply.text(), passed]).toEqual(["not_ready", []]);
  });

  it.each(["starting", "recovering", "stopped"] as const)("refuses at once while it is %s", async (role) => {
    const { url } = await standby({ ready: false, role, why: "away", retryAfterMs: 1_000, queen: null });
    expect(await (await fetch(url)).text()).toBe("not_ready");
  });

  it("ends what waits when it stops, and lets go on what is nearly done", async () => {
    const answers: (() => void)[] = [];
    const queen = await serve((_request, response) => void answers.push(() => response.end("done")));
    const { url, forwarder, clock } = await standby(standbyOf(queen));
    const read = fetch(url).catch(() => "cut");
    const write = fetch(url, { method: "POST", body: "x" });
    await waitFor(() => answers.length === 2);
    forwarder.close();
    expect(await read).toBe("cut");
    for (const answer of answers) answer();
    expect(await (await write).text()).toBe("done");
    const long = fetch(url, { method: "POST", body: "y" }).catch(() => "cut");
    await waitFor(() => answers.length === 3);
    forwarder.close();
    await clock.pass(1_000);
    expect(await long).toBe("cut");
  });

  const inner = "POST /other HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n";
  it.each([
    [
      "a body without a length",
      "DELETE",
      "transfer-encoding: chunked",
      `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ],
    ["a body on a GET", "GET", "transfer-encoding: chunked", `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`],
    [
      "a length said to be the connection's",
      "DELETE",
      `connection: content-length\r\ncontent-length: ${inner.length}`,
      inner,
    ],
  ])("lets no bytes of a body pass for a request: %s", async (_, method, headers, body) => {
    const heard: string[] = [];
    const queen = await serve(async (request, response) => {
      heard.push(`${request.method} ${request.url}`);
      response.end(`${request.url} with ${(await text(request)).length}`);
    });
    const { url } = await standby(standbyOf(queen));
    const kept = method === "GET" ? 0 : inner.length;
    await speak(url, `${method} /one HTTP/1.1\r\nhost: h\r\n${headers}\r\n\r\n${body}`, `/one with ${kept}`);
    expect(await (await fetch(`${url}/two`)).text()).toBe("/two with 0");
    expect(heard).toEqual([`${method} /one`, "GET /two"]);
  });

  it("hands on a path as it was written, also where a whole address asks for it", async () => {
    const queen = await serve((request, response) => response.end(`<${request.url}>`));
    const { url } = await standby(standbyOf(queen));
    const ask = (target: string): Promise<string> => speak(url, `GET ${target} HTTP/1.1\r\nhost: h\r\n\r\n`, ">");
    expect(await ask("/v1/jobs/../stats%2e?a=//b")).toContain("</v1/jobs/../stats%2e?a=//b>");
    expect(await ask("http://elsewhere.invalid/v1/x?y")).toContain("</v1/x?y>");
    expect(await ask("http://elsewhere.invalid")).toContain("</>");
  });
});

describe("a queen who was followed and answers nothing", () => {
  it("is not waited for: reads are asked again, changes may be repeated, streams end broken", async () => {
    let heard = 0;
    const frozen = await serve((request, response) => {
      heard += 1;
      if (request.url === "/stream") response.write("begun");
    });
    const { url, become, clock, passed, waiting } = await standby(standbyOf(frozen));
    const read = fetch(`${url}/read`);
    const change = fetch(`${url}/change`, { method: "POST", body: "x" });
    const stream = await fetch(`${url}/stream`);
    await waitFor(() => heard === 3);
    // While nobody is known to follow her she may still answer.
    become(standbyOf(null));
    await clock.pass(4_000);
    expect(passed).toEqual([]);
    become(standbyOf(await serve((_request, response) => response.end("hers"))));
    await clock.pass(1_000);
    await waitFor(() => passed.length > 0);
    expect([(await change).status, await (await change).text()]).toEqual([503, "store_failed"]);
    await expect(stream.text()).rejects.toThrow();
    await waitFor(() => waiting() > 0);
    await clock.pass(100);
    expect(await (await read).text()).toBe("hers");
    expect(heard).toBe(3);
  });

  it("is not waited for by the one who followed her", async () => {
    let heard = 0;
    const { url, become, clock, waiting } = await standby(standbyOf(await serve(() => void (heard += 1))));
    const read = fetch(url);
    await waitFor(() => heard === 1);
    become({ ready: true });
    await clock.pass(1_000);
    await waitFor(() => waiting() > 0);
    await clock.pass(100);
    expect(await (await read).text()).toBe("here");
  });

  it("has a second for what she was asked, for she may be stopping in order", async () => {
    const answers: (() => void)[] = [];
    const { url, become, clock } = await standby(
      standbyOf(await serve((_request, response) => void answers.push(() => response.end("done")))),
    );
    const change = fetch(url, { method: "POST", body: "x" });
    await waitFor(() => answers.length === 1);
    become({ ready: true });
    await clock.pass(999);
    for (const answer of answers) answer();
    expect(await (await change).text()).toBe("done");
  });
});
