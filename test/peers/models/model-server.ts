/**
 * A stand-in for the model providers on loopback: Anthropic Messages, OpenAI Responses and Chat Completions, Gemini, in
 * their real wire formats, from scripts. So the real agent programs run whole conversations without a key or a network,
 * and what they cost is known to the token, since this is who made the figures up.
 *
 * Every call is kept as it came in: who asked with which key, what for, what was answered, and how that ended.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { anthropicApi } from "./anthropic.ts";
import { figuresOf, type Figures, type Tally, tally } from "./figures.ts";
import { geminiApi } from "./gemini.ts";
import { openaiChatApi } from "./openai-chat.ts";
import { openaiResponsesApi } from "./openai-responses.ts";
import { sendPieces } from "./send-pieces.ts";
import { say, type Step } from "./steps.ts";
import { Story } from "./story.ts";
import { shellCall, writeCall } from "./tool-calls.ts";
import { type Answer, type Asked, type Block, fields, type Incoming, type WireApi } from "./wire.ts";

const APIS: readonly WireApi[] = [anthropicApi, openaiResponsesApi, openaiChatApi, geminiApi];

/** One call for an answer of a model, as it came in and as it ended. */
export interface ModelCall {
  readonly api: WireApi["name"];
  readonly model: string;
  /** As it was sent: x-api-key, x-goog-api-key, the bearer, or `?key=`. */
  readonly key: string | null;
  readonly incoming: Incoming;
  /** The body as it was sent. */
  readonly sent: string;
  /** The story that played, by its `when`; null: none fits. */
  readonly story: string | null;
  /** What was played. Null for a side call (a title, a classification): it offers no tools and uses up no step. */
  readonly step: Step | null;
  /** What the caller was told it cost; null when no answer came to its end. */
  told: Figures | null;
  /** `open` while it is being answered; `cut` when either side went before the end. */
  state: "open" | "answered" | "failed" | "cut";
}

export interface ModelServerOptions {
  /** Bytes written at once, so that no reader may rely on whole records. Default: 61. 0: each record at once. */
  readonly pieceBytes?: number;
  /** Calls that offer no tools play steps too; for tests that call by hand. Default: false. */
  readonly withoutTools?: boolean;
}

export interface ModelServer {
  /** Base address: Anthropic's and Gemini's are this, OpenAI's is this and `/v1`. */
  readonly url: string;
  readonly calls: readonly ModelCall[];
  /** Requests that were no call for an answer, such as `GET /v1/models`. */
  readonly others: readonly Incoming[];
  /** Plays these steps to calls whose body holds `when`; a newer story with the same words takes the older one's place. */
  play(when: string, steps: readonly Step[], then?: Step): Story;
  /** Answers every call with this key so, whatever the script says. `null`: no longer. */
  refuseKey(key: string, step: Extract<Step, { do: "fail" }> | null): void;
  /** The calls of a story, side calls included. */
  callsOf(when: string): readonly ModelCall[];
  /** What the whole answers of a story cost, side calls included. */
  costOf(when: string): Tally;
  /** Resolves once this many steps of a story have been asked for, whether they were answered by then or not. */
  played(when: string, steps: number): Promise<void>;
  /** The most calls that were open at once. */
  mostAtOnce(): number;
  /** Cuts what is open. */
  close(): Promise<void>;
}

/** Starts a server on a free loopback port. */
export async function startModels(options: ModelServerOptions = {}): Promise<ModelServer> {
  const { pieceBytes = 61, withoutTools = false } = options;
  const stories: Story[] = [];
  const calls: ModelCall[] = [];
  const others: Incoming[] = [];
  const refused = new Map<string, Extract<Step, { do: "fail" }>>();
  const sockets = new Set<Socket>();
  let waiting: { readonly when: string; readonly steps: number; readonly done: () => void }[] = [];
  let most = 0;

  const callsOf = (when: string): ModelCall[] => calls.filter((call) => call.story === when);
  const stepsOf = (when: string): number => stories.find((story) => story.when === when)?.played ?? 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { incoming, sent } = await read(request);
    const found = APIS.map((api) => ({ api, asked: api.ask(incoming) })).find(({ asked }) => asked !== null);
    if (found?.asked == null) {
      others.push(incoming);
      const plain = APIS.map((api) => api.plain(incoming)).find((reply) => reply !== null);
      return json(response, plain ?? { status: incoming.method === "HEAD" ? 200 : 404, body: {} });
    }
    const { api, asked } = found;
    const story = stories.find((one) => sent.includes(one.when));
    const side = !withoutTools && asked.tools.length === 0;
    const key = keyOf(incoming);
    const forKey = key === null ? undefined : refused.get(key);
    const step = side ? say("A title") : (forKey ?? story?.next() ?? say("All done."));
    const call: ModelCall = {
      api: api.name,
      model: asked.model,
      key,
      incoming,
      sent,
      story: story?.when ?? null,
      step: side ? null : step,
      told: null,
      state: "open",
    };
    calls.push(call);
    most = Math.max(most, calls.filter((one) => one.state === "open").length);
    waiting = waiting.filter(({ when, steps, done }) => stepsOf(when) < steps || (done(), false));
    response.once("close", () => {
      if (call.state === "open") call.state = "cut";
    });
    await step.after;
    await play({ api, asked, incoming, call, step: side ? (forKey ?? step) : step, n: calls.length, response });
  }

  async function play({ api, asked, incoming, call, step, n, response }: Playing): Promise<void> {
    if (response.destroyed || step.do === "hang") return;
    if (step.do === "fail") {
      call.state = "failed";
      return json(response, api.error(step));
    }
    const given = answerTo(asked, step, n);
    const broken = step.do === "cut" || step.do === "stall";
    if (!asked.stream) {
      if (broken) return void response.destroy();
      call.told = given.usage;
      call.state = "answered";
      return json(response, { status: 200, body: api.whole(given) });
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
    const records = api.stream(given, incoming);
    // The first half of the records: an answer has begun, its last figures have not come.
    const part = broken ? records.slice(0, Math.ceil(records.length / 2)) : records;
    if (!(await sendPieces(response, part.join(""), pieceBytes))) return;
    if (step.do === "stall") return;
    if (step.do === "cut") return void response.destroy();
    // Noted before the end is sent: whoever has read it finds it here.
    call.told = given.usage;
    call.state = "answered";
    response.end();
  }

  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    answer(request, response).catch((error: unknown) => {
      // A script that cannot be played is the test's mistake: the program under test shows this text.
      if (!response.headersSent) json(response, { status: 400, body: { error: { message: String(error) } } });
      else response.destroy();
    });
  });
  server.on("connection", (socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    others,
    play: (when, steps, then) => {
      const story = new Story(when, steps, then);
      stories.unshift(story);
      return story;
    },
    refuseKey: (key, step) => {
      if (step === null) refused.delete(key);
      else refused.set(key, step);
    },
    callsOf,
    costOf: (when) => tally(callsOf(when).flatMap(({ told }) => told ?? [])),
    played: (when, steps) =>
      new Promise((resolve) => {
        if (stepsOf(when) >= steps) resolve();
        else waiting.push({ when, steps, done: resolve });
      }),
    mostAtOnce: () => most,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface Playing {
  readonly api: WireApi;
  readonly asked: Asked;
  readonly incoming: Incoming;
  readonly call: ModelCall;
  readonly step: Step;
  /** The number of the call, from 1. */
  readonly n: number;
  readonly response: ServerResponse;
}

function answerTo(asked: Asked, step: Exclude<Step, { do: "fail" | "hang" }>, n: number): Answer {
  const tool = (called: {
    readonly name: string;
    readonly input: Extract<Block, { type: "tool" }>["input"];
  }): Block => ({
    type: "tool",
    id: `call_${n}`,
    ...called,
  });
  const blocksOf = (): Block[] => {
    switch (step.do) {
      case "run":
        return [tool(shellCall(asked, step.command))];
      case "write":
        return [tool(writeCall(asked, step.path, step.content))];
      case "call":
        return [tool({ name: step.tool, input: step.input })];
      case "say":
        return [
          ...(step.thinking === undefined ? [] : [{ type: "thinking", text: step.thinking } as const]),
          { type: "text", text: step.text },
        ];
      case "refuse":
      case "cut":
      case "stall":
        return [{ type: "text", text: step.text }];
    }
  };
  const blocks = blocksOf();
  const stop = step.do === "refuse" ? "refusal" : blocks.some((block) => block.type === "tool") ? "tool" : "end";
  return { id: String(n), model: asked.model, blocks, stop, usage: { ...figuresOf(n), ...step.usage } };
}

async function read(request: IncomingMessage): Promise<{ incoming: Incoming; sent: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const sent = Buffer.concat(chunks).toString();
  const url = new URL(request.url ?? "/", "http://models.invalid");
  const body = sent === "" ? null : fields(JSON.parse(sent));
  const { method = "GET", headers } = request;
  return { sent, incoming: { method, path: url.pathname, query: url.searchParams, headers, body } };
}

function keyOf({ headers, query }: Incoming): string | null {
  for (const name of ["x-api-key", "x-goog-api-key"]) {
    const value = headers[name];
    if (typeof value === "string") return value;
  }
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? query.get("key");
}

function json(
  response: ServerResponse,
  reply: { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: unknown },
): void {
  response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
  response.end(JSON.stringify(reply.body));
}
