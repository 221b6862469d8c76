/** Whatever providers and agents do, every call that was let through is settled exactly once and no slot is lost. */
import type { IncomingMessage, ServerResponse } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { samples } from "./dialects/answers.fixture.ts";
import { bytesOf, closed, openCall, responseTo, send, startWorld, type World } from "./gateway.fixture.ts";

/** What the provider does with one request. */
type Behaviour = "good" | "limit" | "busy" | "far" | "bad key" | "forbidden" | "fault" | "half" | "drop";
const BEHAVIOURS: readonly Behaviour[] = [
  "good",
  "limit",
  "busy",
  "far",
  "bad key",
  "forbidden",
  "fault",
  "half",
  "drop",
];

/** When the agent goes away: not at all, before its request is whole, once the provider has it, in the middle of the answer. */
type Leaving = "stays" | "early" | "asked" | "amid";
const LEAVING: readonly Leaving[] = ["stays", "stays", "stays", "early", "asked", "amid"];

const PATHS = {
  messages: "/llm/anthropic/v1/messages",
  responses: "/llm/openai/v1/responses",
  generateContent: "/llm/gemini/v1beta/models/MODEL:streamGenerateContent?alt=sse",
  chat: "/llm/local/v1/chat/completions",
} as const;
type Api = keyof typeof PATHS;
const APIS: readonly Api[] = ["messages", "responses", "generateContent", "chat"];

interface Plan {
  readonly api: Api;
  readonly leaving: Leaving;
  /** What the provider does at each try, in turn; good after that. */
  readonly behaviours: readonly Behaviour[];
}

const plan: fc.Arbitrary<Plan> = fc.record({
  api: fc.constantFrom(...APIS),
  leaving: fc.constantFrom(...LEAVING),
  behaviours: fc.array(fc.constantFrom(...BEHAVIOURS), { maxLength: 4 }),
});

const STATUS = { limit: 429, busy: 529, far: 429, "bad key": 401, forbidden: 403, fault: 500 } as const;

interface Providers {
  readonly world: World;
  /** The most calls with one key at once, by API and key. */
  readonly most: ReadonlyMap<string, number>;
  /** Resolves once the provider has this call. */
  readonly asked: (model: string) => Promise<void>;
}

/** Each call's model is its number: so the provider knows which plan it is of, and limits of one are no other's. */
async function startProviders(plans: readonly Plan[]): Promise<Providers> {
  const left = new Map(plans.map(({ behaviours }, n) => [`m${n}`, [...behaviours]]));
  const asked = new Map(plans.map((_, n) => [`m${n}`, Promise.withResolvers<void>()]));
  const open = new Map<string, number>();
  const most = new Map<string, number>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytesOf(request).catch(() => Buffer.from("{}"));
    const url = request.url ?? "";
    const model =
      /models\/(m\d+)/.exec(url)?.[1] ?? (JSON.parse(body.toString() || "{}") as { model?: string }).model ?? "";
    const { "x-api-key": a, "x-goog-api-key": g, authorization: o } = request.headers;
    const slot = `${url.split("?")[0]?.replace(/m\d+/, "M")} ${String(a ?? g ?? o)}`;
    open.set(slot, (open.get(slot) ?? 0) + 1);
    most.set(slot, Math.max(most.get(slot) ?? 0, open.get(slot) ?? 0));
    void closed(response).then(() => open.set(slot, (open.get(slot) ?? 0) - 1));
    const behaviour = left.get(model)?.shift() ?? "good";
    asked.get(model)?.resolve();
    await new Promise((settle) => setImmediate(settle));
    const api =
      APIS.find((name) => url.startsWith(PATHS[name].replace(/^\/llm\/\w+/, "").replace(/MODEL.*/, ""))) ?? "chat";
    const { stream } = samples[api];
    switch (behaviour) {
      case "good":
      case "half":
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(stream[0]);
        await new Promise((settle) => setImmediate(settle));
        return void (behaviour === "half" ? response.destroy() : response.end(stream.slice(1).join("")));
      case "drop":
        return void response.destroy();
      default: {
        const after = behaviour === "far" ? "9000000" : "1";
        response.writeHead(STATUS[behaviour], { "content-type": "application/json", "retry-after-ms": after });
        return void response.end('{"error":{"message":"no"}}');
      }
    }
  }

  const keys = ["ONE", "TWO"].map((label) => ({ label, value: label, limit: 2 }));
  const world = await startWorld((request, response) => void answer(request, response), { keys });
  return { world, most, asked: (model) => asked.get(model)?.promise ?? Promise.resolve() };
}

/** One agent's call, from beginning to whatever end. */
async function call({ world, asked }: Providers, { api, leaving }: Plan, n: number): Promise<void> {
  const model = `m${n}`;
  const body = JSON.stringify({ model, contents: [] });
  const request = openCall(world, { path: PATHS[api].replace("MODEL", model) });
  const gone = closed(request);
  if (leaving === "early") {
    request.write(body.slice(0, 3));
    request.destroy();
    return gone;
  }
  const answered = responseTo(request);
  request.end(body);
  try {
    if (leaving === "asked") {
      // It may never get that far: then there is an answer.
      await Promise.race([asked(model), answered]);
      request.destroy();
    }
    const response = await answered;
    if (leaving === "amid") {
      request.destroy();
    }
    await bytesOf(response);
  } catch {
    // Cut, by either side.
  }
  request.destroy();
  return gone;
}

test("every call that was let through is settled once, limits of keys hold, and no slot is lost", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 10 }), async (plans) => {
      const providers = await startProviders(plans);
      const { world, most } = providers;
      try {
        await Promise.all(plans.map((one, n) => call(providers, one, n)));
        await world.idle();
        const { usages } = world;
        expect(usages.map(({ callId }) => callId).toSorted()).toEqual(
          world.questions.map(({ callId }) => callId).toSorted(),
        );
        // Where agents leave, the provider hears of an end a moment after its slot is given on.
        if (plans.every(({ leaving }) => leaving === "stays" || leaving === "early")) {
          expect(Math.max(0, ...most.values())).toBeLessThanOrEqual(2);
        }
        for (const usage of usages) {
          // Whole figures mean a whole answer; anything else that the provider may have begun is uncertain.
          if (usage.status === 200 && usage.final && usage.provider !== "local") {
            expect(usage.outputTokens).toBe(117);
          }
          if (usage.tries === 0 || (usage.status ?? 0) >= 400) {
            expect(usage).toMatchObject({ final: true, inputTokens: 0, outputTokens: 0 });
          }
        }
        expect(world.gateway.running()).toBe(0);
        if (!plans.some(({ behaviours }) => behaviours.includes("bad key"))) {
          // Five at once through a key of two: a slot that was lost would hold the last ones for ever.
          const answers = Array.from({ length: 5 }, () =>
            send(world, { path: PATHS.messages, body: '{"model":"fresh"}' }),
          );
          expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
        }
      } finally {
        await world.close();
      }
    }),
    { numRuns: 40 },
  );
});
