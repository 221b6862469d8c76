/** A gateway on a free port with a provider behind it, both real HTTP servers, for the tests of the gateway. */
import { once } from "node:events";
import http, { type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Stream } from "node:stream";
import type { CallQuestion, CallUsage, Gateway, GatewayOptions, QuotaNotice, Upstream } from "./contract.ts";
import { createGateway } from "./gateway.ts";
import type { RingKey } from "./key-ring.ts";
import type { TokenVerdict } from "./live-calls.ts";

export const SERVER_KEY = "sk-ant-the-real-key";
export const TOKEN = "lease-token-of-demo-1";

/** The least that any of the APIs takes. */
export const SMALL_BODY = '{"model":"m"}';

export interface World {
  readonly gateway: Gateway;
  readonly port: number;
  readonly upstreamPort: number;
  readonly usages: readonly CallUsage[];
  /** What was asked before each call. */
  readonly questions: readonly CallQuestion[];
  readonly quotas: readonly QuotaNotice[];
  readonly logged: readonly string[];
  /** What the token check answers; a test may change it at any time. */
  verdict: () => Promise<TokenVerdict>;
  /** What is answered to a call's worst case; a test may change it at any time. Default: as the token check. */
  admit: (question: CallQuestion) => Promise<TokenVerdict>;
  /** Resolves once this many usages were told. */
  told(count: number): Promise<readonly CallUsage[]>;
  /** Resolves once the gateway has heard that a client went away before its answer was whole. */
  left(): Promise<void>;
  /** Resolves once no request is being answered. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function listen(listener: RequestListener): Promise<{ server: http.Server; port: number }> {
  const server = http.createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

/** The options of a gateway. All four providers lead to the same one, unless `upstreams` says otherwise. */
export interface WorldOptions extends Partial<GatewayOptions> {
  /** The keys of all of them. Default: one, `SERVER_KEY`. */
  readonly keys?: readonly RingKey[];
}

export async function startWorld(upstream: RequestListener, options: WorldOptions = {}): Promise<World> {
  const provider = await listen(upstream);
  const questions: CallQuestion[] = [];
  const quotas: QuotaNotice[] = [];
  const usages: CallUsage[] = [];
  const logged: string[] = [];
  const waiting = new Set<() => void>();
  const log = (fields: unknown, message: string) => void logged.push(JSON.stringify({ fields, message }));
  const all: Upstream = {
    baseUrl: `http://127.0.0.1:${provider.port}`,
    keys: options.keys ?? [{ label: "THE_KEY", value: SERVER_KEY }],
  };
  const gateway = createGateway({
    verifyToken: () => world.verdict(),
    admit(question) {
      questions.push(question);
      return world.admit(question);
    },
    onQuota: (notice) => Promise.resolve(void quotas.push(notice)),
    onUsage(usage) {
      usages.push(usage);
      for (const wake of waiting) {
        wake();
      }
    },
    log: { info: log, warn: log },
    ...options,
    upstreams: { anthropic: all, openai: all, gemini: all, local: { ...all, limit: 1 }, ...options.upstreams },
    limits: { recheckMs: 0, firstWaitMs: 1, ...options.limits },
  });
  const handling = new Set<Promise<void>>();
  const left = Promise.withResolvers<void>();
  const front = await listen((request, response) => {
    response.once("close", () => {
      if (!response.writableFinished) {
        left.resolve();
      }
    });
    const handled = gateway.handle(request, response).finally(() => handling.delete(handled));
    handling.add(handled);
  });
  const world: World = {
    gateway,
    port: front.port,
    upstreamPort: provider.port,
    usages,
    questions,
    quotas,
    logged,
    admit: () => world.verdict(),
    verdict: () => Promise.resolve({ ok: true, jobId: "demo-1", fence: 7 }),
    told: (count) =>
      new Promise((settle) => {
        const look = () => {
          if (usages.length >= count) {
            waiting.delete(look);
            settle(usages);
          }
        };
        waiting.add(look);
        look();
      }),
    left: () => left.promise,
    async idle() {
      while (handling.size > 0) {
        await Promise.all(handling);
      }
    },
    async close() {
      await gateway.stop();
      for (const { server } of [front, provider]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
  return world;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Opens a request to the gateway and leaves it to the test; with the token unless the headers say otherwise. */
export function openCall(world: World, call: Call = {}): http.ClientRequest {
  const { method = "POST", path = "/llm/anthropic/v1/messages", headers = { "x-api-key": TOKEN } } = call;
  return http.request({ host: "127.0.0.1", port: world.port, method, path, headers, agent: false });
}

/** Sends a request and reads its answer to the end. Rejects when it is cut. */
export async function send(world: World, call: Call = {}): Promise<Answer> {
  const request = openCall(world, call);
  request.end(call.body ?? (call.method === undefined || call.method === "POST" ? SMALL_BODY : undefined));
  const response = await responseTo(request);
  return { status: response.statusCode ?? 0, headers: response.headers, body: await bytesOf(response) };
}

export function responseTo(request: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((settle, reject) => {
    request.on("response", settle);
    request.on("error", reject);
  });
}

export async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Resolves when this side of a connection is closed, however that came. */
export function closed(stream: Stream): Promise<void> {
  return new Promise((settle) => {
    stream.on("error", () => undefined);
    stream.on("close", () => settle());
  });
}
