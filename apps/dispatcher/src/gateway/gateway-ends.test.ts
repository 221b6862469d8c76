/** How a call through the gateway ends when it does not end by itself: exactly one usage, and nothing left running. */
import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { FIGURES, JSON_ANSWER, streamEvents } from "./anthropic.fixture.ts";
import {
  bytesOf,
  closed,
  listen,
  openCall,
  responseTo,
  send,
  SMALL_BODY,
  startWorld,
  TOKEN,
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

/** An upstream that streams the first events of an answer and then waits for the test. */
function halfStream(): { listener: RequestListener; upstreamClosed: Promise<void>; response: () => ServerResponse } {
  const gone = Promise.withResolvers<void>();
  let held: ServerResponse | undefined;
  return {
    listener(request, response) {
      request.resume();
      held = response;
      void closed(response).then(gone.resolve);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(
        streamEvents(["x".repeat(300)])
          .slice(0, 4)
          .join(""),
      );
    },
    upstreamClosed: gone.promise,
    response() {
      if (held === undefined) {
        throw new Error("nobody called yet");
      }
      return held;
    },
  };
}

/** Opens a call and waits until the first bytes of its answer are there. */
async function openStream(world: World, token = TOKEN): Promise<IncomingMessage> {
  const request = openCall(world, { headers: { "x-api-key": token } });
  request.end(SMALL_BODY);
  const response = await responseTo(request);
  await once(response, "data");
  return response;
}

const CUT = {
  status: 200,
  stream: true,
  aborted: true,
  final: false,
  inputTokens: FIGURES.input,
  outputTokens: 100,
};

test("when the client goes, the provider's stream is cut and what was seen is counted once", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener);
  const response = await openStream(world);
  response.destroy();
  await upstream.upstreamClosed;
  expect(await world.told(1)).toMatchObject([CUT]);
  await world.gateway.stop();
  expect(world.usages).toHaveLength(1);
});

test("when the client goes before any answer, the provider is cut and the call is told as uncertain", async () => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const world = await start((request) => {
    request.resume();
    request.on("end", () => arrived.resolve(request));
  });
  const request = openCall(world);
  const gone = closed(request);
  request.end('{"model":"m","max_tokens":64000}');
  const upstream = await arrived.promise;
  const upstreamGone = closed(upstream.socket);
  request.destroy();
  await Promise.all([gone, upstreamGone]);
  expect(await world.told(1)).toMatchObject([{ status: null, aborted: true, final: false, requestBytes: 32 }]);
});

test("when the client goes in the middle of its request, nobody is asked", async () => {
  const verified = Promise.withResolvers<void>();
  const world = await start((_, response) => void response.end());
  world.verdict = () => {
    verified.resolve();
    return Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 });
  };
  const request = openCall(world);
  const gone = closed(request);
  request.write("{");
  await verified.promise;
  request.destroy();
  await gone;
  await world.gateway.stop();
  expect([world.questions, world.usages]).toEqual([[], []]);
});

test("when the provider breaks off, the client sees a cut and never an end", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener);
  const response = await openStream(world);
  upstream.response().destroy();
  await expect(bytesOf(response)).rejects.toThrow(/aborted/);
  expect(await world.told(1)).toMatchObject([CUT]);
});

test("when the lease ends, both sides are cut at once", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener);
  const response = await openStream(world);
  expect(world.gateway.endLease({ jobId: "demo-1", fence: 6 })).toBe(0);
  expect(world.gateway.endLease({ jobId: "other", fence: 7 })).toBe(0);
  expect(world.gateway.running()).toBe(1);
  expect(world.gateway.endLease({ jobId: "demo-1", fence: 8 })).toBe(1);
  await Promise.all([upstream.upstreamClosed, expect(bytesOf(response)).rejects.toThrow(/aborted/)]);
  expect(await world.told(1)).toMatchObject([CUT]);
});

test("when the lease ends before the answer began, the client is told so", async () => {
  const arrived = Promise.withResolvers<void>();
  const world = await start((request) => {
    request.resume();
    arrived.resolve();
  });
  const answer = send(world);
  await arrived.promise;
  world.gateway.endLease({ jobId: "demo-1", fence: 7 });
  expect(await answer).toMatchObject({ status: 409 });
});

test("a lease that ended elsewhere is noticed by asking again", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener);
  const response = await openStream(world);
  await world.gateway.recheckLeases();
  expect(world.gateway.running()).toBe(1);
  world.verdict = () => Promise.resolve({ ok: false, code: "lease_lost", message: "over" });
  await world.gateway.recheckLeases();
  await Promise.all([upstream.upstreamClosed, expect(bytesOf(response)).rejects.toThrow(/aborted/)]);
  expect(await world.told(1)).toMatchObject([CUT]);
});

test("a dispatcher that does not answer is forgiven within the grace and not after it", async () => {
  const verdict = () => Promise.reject(new Error("away"));
  const patient = halfStream();
  const one = await start(patient.listener);
  await openStream(one);
  one.verdict = verdict;
  await one.gateway.recheckLeases();
  expect(one.gateway.running()).toBe(1);
  const strict = halfStream();
  const two = await start(strict.listener, { limits: { graceMs: 0 } });
  await openStream(two);
  two.verdict = verdict;
  await two.gateway.recheckLeases();
  await strict.upstreamClosed;
  expect(await two.told(1)).toMatchObject([CUT]);
});

test("leases of running calls are looked at again without being asked to", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener, { limits: { recheckMs: 5 } });
  await openStream(world);
  world.verdict = () => Promise.resolve({ ok: false, code: "lease_lost", message: "over" });
  await upstream.upstreamClosed;
  expect(await world.told(1)).toMatchObject([CUT]);
});

test("stopping cuts what runs, tells its usage and takes nothing new", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener);
  await openStream(world);
  await world.gateway.stop();
  expect(world.usages).toMatchObject([CUT]);
  expect(await send(world)).toMatchObject({ status: 503 });
  await world.gateway.stop();
});

test("stopping before an answer asks the client to come again: its lease lives on", async () => {
  const arrived = Promise.withResolvers<void>();
  const world = await start((request) => {
    request.resume();
    arrived.resolve();
  });
  const answer = send(world);
  await arrived.promise;
  await world.gateway.stop();
  expect(await answer).toMatchObject({ status: 503, headers: { "retry-after": "2" } });
});

test("a provider that says nothing is given up, before and within an answer", async () => {
  const silent = await start((request) => void request.resume(), { limits: { idleMs: 50 } });
  const answer = await send(silent);
  expect([answer.status, answer.body.toString()]).toEqual([502, expect.stringContaining("50 ms")]);
  expect(await silent.told(1)).toMatchObject([{ status: null, aborted: true }]);
  const upstream = halfStream();
  const stuck = await start(upstream.listener, { limits: { idleMs: 50 } });
  const request = openCall(stuck);
  request.end(SMALL_BODY);
  // On a slow machine the silence may begin before the answer does; either way it is no whole answer.
  const outcome = await responseTo(request)
    .then((response) => bytesOf(response).then(() => response.statusCode))
    .catch(() => "cut");
  expect(["cut", 502]).toContain(outcome);
  expect(await stuck.told(1)).toMatchObject([{ aborted: true }]);
});

test("a provider that is not there is a 502 that may be tried again", async () => {
  const { server, port } = await listen(() => undefined);
  server.close();
  await once(server, "close");
  const baseUrl = `http://127.0.0.1:${port}`;
  const upstreams = { anthropic: { baseUrl, keys: [{ label: "K", value: "k" }] } };
  const world = await start(() => undefined, { upstreams });
  const answer = await send(world);
  expect([answer.status, answer.headers["retry-after"]]).toEqual([502, "2"]);
  expect(answer.body.toString()).toContain("ECONNREFUSED");
  expect(await world.told(1)).toMatchObject([{ status: null, aborted: true, inputTokens: 0, final: true }]);
});

test("a provider that answers before it read the request is passed on, and the gateway goes on working", async () => {
  const world = await start((request, response) => {
    response.writeHead(413, { "content-type": "application/json" }).end("{}");
    request.resume();
  });
  const answer = await send(world, { body: JSON.stringify({ model: "m", text: "x".repeat(8 * 1024 * 1024) }) });
  expect([answer.status, answer.body.toString()]).toEqual([413, "{}"]);
  expect((await send(world)).status).toBe(413);
  expect(await world.told(2)).toHaveLength(2);
});

test("a client that does not read stops the provider's stream, and gets every byte once it does", async () => {
  const total = 64 * 1024 * 1024;
  let written = 0;
  const blocked = Promise.withResolvers<void>();
  const world = await start((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/octet-stream" });
    const block = Buffer.alloc(1024 * 1024, "y");
    const fill = () => {
      while (written < total) {
        written += block.byteLength;
        if (!response.write(block)) {
          // The drain never comes while the way down is full.
          response.once("drain", fill);
          blocked.resolve();
          return;
        }
      }
      response.end();
    };
    fill();
  });
  const request = openCall(world);
  request.end(SMALL_BODY);
  const response = await responseTo(request);
  response.pause();
  await blocked.promise;
  // Nobody reads: what is under way is bounded by the buffers in between, far below the whole.
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((settle) => setTimeout(settle, 100));
  }
  expect(written).toBeLessThan(total / 2);
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).byteLength;
  }
  expect(size).toBe(total);
  expect(await world.told(1)).toMatchObject([{ responseBytes: total, aborted: false }]);
});

test("one lease may not open calls without end", async () => {
  const upstream = halfStream();
  const world = await start(upstream.listener, { limits: { maxCallsPerLease: 2 } });
  await openStream(world);
  await openStream(world);
  expect(await send(world)).toMatchObject({ status: 429 });
  world.verdict = () => Promise.resolve({ ok: true, jobId: "demo-2", fence: 1 });
  await openStream(world, "token-of-demo-2");
  expect(world.gateway.running()).toBe(3);
});

test("many calls over kept connections are each counted once", async () => {
  const world = await start((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(JSON_ANSWER));
  });
  const answers = await Promise.all(Array.from({ length: 25 }, () => send(world)));
  expect(answers.every(({ body }) => body.toString() === JSON_ANSWER)).toBe(true);
  const usages = await world.told(25);
  expect(new Set(usages.map(({ callId }) => callId)).size).toBe(25);
});
