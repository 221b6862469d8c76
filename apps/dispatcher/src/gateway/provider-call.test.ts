/** What the gateway does about a provider that is busy or limits: through the whole gateway, on the test's clock. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { FIGURES, JSON_ANSWER } from "./anthropic.fixture.ts";
import { GOOD, NOW, type Play, type Provider, said, type Setup, startBusy, text } from "./busy-provider.fixture.ts";
import { closed, listen, openCall, send, SMALL_BODY, startWorld, type World } from "./gateway.fixture.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(setup: Setup): Promise<Provider> {
  const provider = await startBusy(setup);
  worlds.push(provider.world);
  return provider;
}

describe("before the first byte of an answer", () => {
  test("a busy provider is asked again, later each time, and the call is one call", async () => {
    const { world, keys, waited } = await start({ plays: { ONE: [[529], [503], [529]] } });
    expect(text(await send(world))).toEqual(GOOD);
    expect([keys.length, waited]).toEqual([4, [500, 1_000, 2_000]]);
    expect(await world.told(1)).toMatchObject([{ tries: 4, status: 200, outputTokens: FIGURES.output, final: true }]);
    expect(world.questions).toHaveLength(1);
  });

  test("it is asked again when it says", async () => {
    const { world, waited } = await start({
      plays: {
        ONE: [
          [529, { "retry-after": "7" }],
          [429, { "retry-after-ms": "30" }],
        ],
      },
    });
    expect(text(await send(world))).toEqual(GOOD);
    expect(waited).toEqual([7_000, 30]);
  });

  test("a provider that stays busy is passed on, with all it said", async () => {
    const busy: Play = [529, { "request-id": "req_9" }, { error: { message: "Overloaded" } }];
    const { world, keys, waited } = await start({ plays: { ONE: Array.from({ length: 20 }, () => busy) } });
    const answer = await send(world);
    expect(text(answer)).toEqual([529, '{"error":{"message":"Overloaded"}}']);
    expect([keys.length, waited.length]).toEqual([6, 5]);
    expect(await world.told(1)).toMatchObject([{ status: 529, requestId: "req_9", inputTokens: 0, final: true }]);
  });

  test("a burst that does not end is passed on, and no job is parked for it", async () => {
    const limit: Play = [429, { "retry-after": "1" }];
    const { world, waited } = await start({ plays: { ONE: Array.from({ length: 20 }, () => limit) } });
    const answer = await send(world);
    expect([answer.status, answer.headers["retry-after"], waited]).toEqual([
      429,
      "1",
      [1_000, 1_000, 1_000, 1_000, 1_000],
    ]);
    expect(world.quotas).toEqual([]);
  });

  test("those who wait for one limit go on one after the other", async () => {
    const { world, waited } = await start({ plays: { ONE: [[429, { "retry-after-ms": "4" }]] }, random: 0.5 });
    expect(text(await send(world))).toEqual(GOOD);
    // Half of the four beyond the four.
    expect(waited).toEqual([6]);
  });

  test("a kept connection that the provider has closed is no failure of the call", async () => {
    const sockets = new Map<Socket, number>();
    const world = await startWorld((request, response) => {
      const nth = (sockets.get(request.socket) ?? 0) + 1;
      sockets.set(request.socket, nth);
      if (nth > 1) {
        // As a provider does that closed it while the request was on its way.
        request.socket.resetAndDestroy();
        return;
      }
      request.resume();
      response.writeHead(200, { "content-type": "application/json" }).end(JSON_ANSWER);
    });
    worlds.push(world);
    for (const _ of [1, 2, 3]) {
      expect(text(await send(world))).toEqual(GOOD);
    }
    expect((await world.told(3)).map(({ tries, final }) => [tries, final])).toEqual([
      [1, true],
      [2, true],
      [2, true],
    ]);
  });

  test("a provider that cannot be reached for a moment is asked again, and given up soon", async () => {
    const { server, port } = await listen(() => undefined);
    server.close();
    await once(server, "close");
    const upstreams = { local: { baseUrl: `http://127.0.0.1:${port}`, keys: [], limit: 1 } };
    const path = "/llm/local/v1/chat/completions";
    const { world, waited } = await start({ plays: {}, upstreams });
    expect((await send(world, { path })).status).toBe(502);
    expect(waited).toEqual([500, 1_000]);
    expect(await world.told(1)).toMatchObject([{ tries: 3, final: true, inputTokens: 0 }]);
    server.on("request", (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "application/json" }).end(JSON_ANSWER);
    });
    // It comes up while the call waits for it.
    const back = await start({
      plays: {},
      upstreams,
      onFirstWait: () => once(server.listen(port, "127.0.0.1"), "listening"),
    });
    expect(text(await send(back.world, { path }))).toEqual(GOOD);
    server.closeAllConnections();
    server.close();
  });

  test("a connection that breaks before the answer is not repeated: nobody knows what was paid for", async () => {
    const world = await startWorld((request) => void request.socket.resetAndDestroy());
    worlds.push(world);
    const answer = await send(world);
    expect([answer.status, said(answer).code]).toEqual([502, "provider_unreachable"]);
    expect(await world.told(1)).toMatchObject([{ tries: 1, status: null, final: false }]);
  });

  test("what is the caller's own fault is not repeated", async () => {
    for (const status of [400, 404, 413, 500]) {
      const { world, keys } = await start({ plays: { ONE: [[status]] } });
      expect((await send(world)).status).toBe(status);
      expect(keys).toHaveLength(1);
    }
  });
});

describe("a usage limit that ends too far away to wait for", () => {
  const far: Play = [429, { "retry-after": "3600" }];

  test("parks the job until the first key is back, before the agent is answered", async () => {
    const { world, keys } = await start({ plays: { ONE: [[429, { "retry-after": "7200" }]], TWO: [far] } });
    const answer = await send(world, { body: '{"model":"opus"}' });
    const until = NOW + 3_600_000;
    expect(world.quotas).toEqual([
      { jobId: "demo-1", fence: 7, provider: "anthropic", until, message: "Anthropic: slow down" },
    ]);
    expect([answer.status, answer.headers["x-should-retry"], said(answer)]).toMatchObject([
      429,
      "false",
      { code: "provider_quota", error: { type: "rate_limit_error", message: "Anthropic: slow down" } },
    ]);
    // The next call of that model does not even ask; another model does.
    expect(said(await send(world, { body: '{"model":"opus"}' })).code).toBe("provider_quota");
    expect([keys, world.quotas.length]).toEqual([["ONE", "TWO"], 2]);
    expect(text(await send(world, { body: '{"model":"haiku"}' }))).toEqual(GOOD);
    expect(await world.told(3)).toMatchObject([{ final: true, inputTokens: 0 }, { tries: 0, final: true }, {}]);
  });

  test("is told in the words of each API, as something not to be repeated", async () => {
    const { world } = await start({ plays: { ONE: [far, far, far] } });
    const codex = await send(world, { path: "/llm/openai/v1/responses" });
    expect([codex.status, said(codex).error]).toMatchObject([
      400,
      { code: "provider_quota", type: "invalid_request_error" },
    ]);
    const gemini = await send(world, { path: "/llm/gemini/v1beta/models/m:generateContent" });
    expect([gemini.status, said(gemini).error]).toMatchObject([400, { status: "INVALID_ARGUMENT" }]);
  });

  test("is answered all the same when the dispatcher cannot be told", async () => {
    const onQuota = () => Promise.reject(new Error("away"));
    const { world } = await start({ plays: { ONE: [far] }, onQuota });
    expect(said(await send(world)).code).toBe("provider_quota");
    expect(world.logged).toContain("the dispatcher could not be told of a quota");
  });
});

describe("a server of one's own", () => {
  const CHAT = "/llm/local/v1/chat/completions";

  /** A local server that holds each call until the test lets it go. */
  async function startLocal(): Promise<{
    world: World;
    open: ServerResponse[];
    readonly came: (count: number) => Promise<void>;
  }> {
    const open: ServerResponse[] = [];
    const wakes = new Set<() => void>();
    const world = await startWorld((request, response) => {
      request.resume();
      open.push(response);
      response.writeHead(200, { "content-type": "application/json" });
      for (const wake of wakes) {
        wake();
      }
      void closed(response);
    });
    worlds.push(world);
    return {
      world,
      open,
      came: (count) =>
        new Promise((settle) => {
          const look = () => {
            if (open.length >= count) {
              wakes.delete(look);
              settle();
            }
          };
          wakes.add(look);
          look();
        }),
    };
  }

  test("has its calls one after the other, in order; who goes away waits no longer and is not counted", async () => {
    const { world, open, came } = await startLocal();
    const first = send(world, { path: CHAT });
    await came(1);
    const leaving = openCall(world, { path: CHAT });
    const gone = closed(leaving);
    leaving.end(SMALL_BODY);
    await admitted(world, 2);
    const third = send(world, { path: CHAT });
    await admitted(world, 3);
    leaving.destroy();
    await gone;
    expect(await world.told(1)).toMatchObject([{ tries: 0, final: true, aborted: true }]);
    expect(open).toHaveLength(1);
    open[0]?.end("{}");
    expect((await first).status).toBe(200);
    await came(2);
    open[1]?.end("{}");
    expect((await third).status).toBe(200);
    expect(open).toHaveLength(2);
  });

  test("that counts nothing is believed: what it answered is all there is to know", async () => {
    const { world, open, came } = await startLocal();
    const answer = send(world, { path: CHAT });
    await came(1);
    open[0]?.end('{"choices":[]}');
    await answer;
    expect(await world.told(1)).toMatchObject([{ provider: "local", final: true, outputTokens: 0 }]);
  });
});

/** Resolves once this many calls were asked for. */
async function admitted(world: World, count: number): Promise<void> {
  while (world.questions.length < count) {
    await new Promise((settle) => setImmediate(settle));
  }
}
