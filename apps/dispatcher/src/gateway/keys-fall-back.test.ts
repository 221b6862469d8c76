/** Several keys of one provider, and a key that is a person's login: through the whole gateway. */
import type { IncomingMessage } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { JSON_ANSWER } from "./anthropic.fixture.ts";
import { GOOD, type Provider, said, type Setup, startBusy, text } from "./busy-provider.fixture.ts";
import { send, startWorld, TOKEN, type World } from "./gateway.fixture.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function start(setup: Setup): Promise<Provider> {
  const provider = await startBusy(setup);
  worlds.push(provider.world);
  return provider;
}

describe("several keys", () => {
  test("a limit of one is no wait: the next key takes the call", async () => {
    const { world, keys, waited } = await start({ plays: { ONE: [[429, { "retry-after": "60" }]], TWO: [] } });
    expect(text(await send(world))).toEqual(GOOD);
    expect(text(await send(world))).toEqual(GOOD);
    expect([keys, waited]).toEqual([["ONE", "TWO", "TWO"], []]);
    expect((await world.told(2)).map(({ key }) => key)).toEqual(["TWO", "TWO"]);
  });

  test("a key that is refused is set aside and said; the agent never hears of it", async () => {
    const { world, keys } = await start({ plays: { ONE: [[401, {}, "sk-…ONE is wrong"]], TWO: [] } });
    expect(text(await send(world))).toEqual(GOOD);
    expect(text(await send(world))).toEqual(GOOD);
    expect(keys).toEqual(["ONE", "TWO", "TWO"]);
    expect(world.logged).toContain("a key is set aside: it is refused (401)");
  });

  test("a refused key is tried again after a while, and said to work when it does", async () => {
    const { world, keys, pass } = await start({ plays: { ONE: [[401], [401]], TWO: [] } });
    for (const ms of [60_000, 60_000, 60_000, 0]) {
      await send(world);
      pass(ms);
    }
    expect(keys).toEqual(["ONE", "TWO", "ONE", "TWO", "TWO", "ONE"]);
    expect(world.logged.filter((message) => message.startsWith("a key"))).toEqual([
      "a key is set aside: it is refused (401)",
      "a key is set aside: it is refused (401)",
      "a key: works again",
    ]);
  });

  test("a key that nobody pays for is set aside too", async () => {
    const unpaid = { error: { code: "insufficient_quota", message: "You exceeded your current quota" } };
    const { world, keys } = await start({ plays: { ONE: [[429, {}, unpaid]], TWO: [] } });
    expect((await send(world, { path: "/llm/openai/v1/responses" })).status).toBe(200);
    expect(keys).toEqual(["ONE", "TWO"]);
  });

  test("what one key may not do another may, and nobody else is kept from either", async () => {
    const forbidden = { type: "error", error: { type: "permission_error", message: "not for you" } };
    const { world, keys } = await start({ plays: { ONE: [[403, {}, forbidden]], TWO: [[403, {}, forbidden]] } });
    const answer = await send(world);
    expect(text(answer)).toEqual([403, JSON.stringify(forbidden)]);
    expect(text(await send(world))).toEqual(GOOD);
    expect(keys).toEqual(["ONE", "TWO", "ONE"]);
  });

  test("when all are refused the agent is told that it is the server's doing, and no more", async () => {
    const { world, keys } = await start({ plays: { ONE: [[401, {}, "key sk-secret is wrong"]], TWO: [[401]] } });
    const answer = await send(world);
    expect([answer.status, answer.headers["x-should-retry"], said(answer).code]).toEqual([
      503,
      "false",
      "no_provider_key",
    ]);
    expect(answer.body.toString()).not.toContain("sk-secret");
    expect(keys).toEqual(["ONE", "TWO"]);
    expect((await send(world)).status).toBe(503);
    expect(keys).toHaveLength(2);
    expect(await world.told(2)).toMatchObject([
      { final: true, inputTokens: 0 },
      { final: true, tries: 0 },
    ]);
  });
});

describe("a token of `claude setup-token`", () => {
  const LOGIN = "sk-ant-oat01-abc";
  const claudeCode = { "x-api-key": TOKEN, "user-agent": "claude-cli/2.1.330 (external, sdk-cli)" };

  test("serves Claude Code, as a bearer and with its beta", async () => {
    let headers: IncomingMessage["headers"] = {};
    const world = await startWorld(
      (request, response) => {
        headers = request.headers;
        request.resume();
        response.writeHead(200, { "content-type": "application/json" }).end(JSON_ANSWER);
      },
      { keys: [{ label: "LOGIN", value: LOGIN }] },
    );
    worlds.push(world);
    expect((await send(world, { headers: { ...claudeCode, "anthropic-beta": "claude-code-20250219" } })).status).toBe(
      200,
    );
    expect(headers).toMatchObject({
      authorization: `Bearer ${LOGIN}`,
      "anthropic-beta": "claude-code-20250219,oauth-2025-04-20",
    });
    expect(headers["x-api-key"]).toBeUndefined();
  });

  test("serves no other agent, which gets the next key or the reason", async () => {
    const { world, keys } = await start({ plays: { [LOGIN]: [], TWO: [] } });
    expect((await send(world)).status).toBe(200);
    expect((await send(world, { headers: claudeCode })).status).toBe(200);
    expect(keys).toEqual(["TWO", LOGIN]);
    const alone = await start({ plays: { [LOGIN]: [] } });
    const answer = await send(alone.world);
    expect([answer.status, said(answer).code]).toEqual([503, "no_provider_key"]);
    expect(said(answer).error.message).toContain("Claude Code alone");
    expect(alone.keys).toEqual([]);
  });
});
