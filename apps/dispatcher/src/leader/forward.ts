/**
 * A standby hands requests on to the queen as they come, whatever they are, and the answer piece by piece as it is
 * given. So every dispatcher can be asked, and what a request means is decided in one place only.
 *
 * A request is never carried out twice. One that certainly did not reach a queen, or one who was not her any more, looks
 * for the next; a change that may have is answered with 503, and its caller repeats it, as after any lost answer.
 */

import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { HiveError } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Queue, Readiness } from "../queue/contract.ts";

/** Milliseconds a request waits for a queen to be known. A kill is followed within six seconds, a clean stop within one. */
const WAIT_MS = 5_000;
/** Milliseconds before a queen that could not be reached is tried again. */
const AGAIN_MS = 100;
/** Milliseconds to make a connection to the queen. */
const CONNECT_MS = 2_000;
/** Milliseconds an unused connection is kept; less than the queen keeps it, so that none is used as she closes it. */
const IDLE_MS = 30_000;
/** The status, in logs and metrics, of an answer that nobody waited for. */
const GONE = 499;
/** A request that takes longer than this, in milliseconds, waits for something to happen and is asked again elsewhere. */
const LONG_MS = 1_000;
/** Marks what a standby handed on: the next one that is not the queen refuses it, so that nothing goes in circles. */
export const FORWARDED = "x-hive-forwarded";
/** What a dispatcher answers there that is no queen either: nothing happened. */
const REFUSED = "refused";
/** Bytes of a body that are kept, so that the request can be sent to the next queen; a longer one is passed through. */
const KEPT_BYTES = 16_384;
/** Of one connection only (RFC 9110, 7.6.1), or made anew by Node. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
]);

export interface Forwarder {
  /**
   * Hands a request on while this dispatcher is not the queen. Gives the status of the answer that was sent, or null when
   * the request is to be answered here. @throws HiveError `not_ready`, `store_failed`
   */
  pass(request: IncomingMessage, response: ServerResponse): Promise<number | null>;
  /** Ends what waits or streams, and unused connections; what is nearly done goes on. */
  close(): void;
}

export interface ForwarderOptions {
  readonly queue: Pick<Queue, "readiness" | "onReadiness">;
  readonly clock: Pick<Clock, "mono" | "after">;
}

/** A request that the queen has and that is not answered whole. */
interface Running {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly since: number;
}

export function createForwarder({ queue, clock }: ForwarderOptions): Forwarder {
  const settings = { keepAlive: true, maxFreeSockets: 64, timeout: IDLE_MS };
  const running = new Set<Running>();
  const agents = { http: new HttpAgent(settings), https: new HttpsAgent(settings) };

  /** Resolves after a change of who the queen is, or when the time is over. */
  function change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        unlisten();
        cancel();
        resolve();
      };
      const unlisten = queue.onReadiness(done);
      const cancel = clock.after(ms, done);
    });
  }

  /**
   * Sends it; "refused" when nobody can have carried it out, or it only asks, and it is still whole. `body` null: it was
   * not read.
   */
  function send(
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer | null,
  ): Promise<number | "refused"> {
    return new Promise((resolve, reject) => {
      const isSecure = url.startsWith("https:");
      const upstream = (isSecure ? httpsRequest : httpRequest)(url + (request.url ?? "/"), {
        method: request.method ?? "GET",
        headers: { ...endToEnd(request.headers), [FORWARDED]: "1" },
        agent: isSecure ? agents.https : agents.http,
      });
      const leave = (): void => void upstream.destroy();
      response.once("close", leave);
      const settle = (then: () => void): void => {
        response.off("close", leave);
        then();
      };
      let connected = false;
      whenConnected(upstream, () => {
        connected = true;
        // Only now: a request of which nothing was read can still be sent to somebody else.
        if (body === null) request.pipe(upstream);
        else upstream.end(body);
      });
      upstream.once("response", (answer) => {
        const status = answer.statusCode ?? 502;
        if (body !== null && answer.headers[FORWARDED] === REFUSED) {
          answer.resume();
          return settle(() => resolve("refused"));
        }
        response.writeHead(status, endToEnd(answer.headers));
        response.flushHeaders();
        answer.pipe(response);
        answer.on("error", () => {});
        answer.once("close", () => {
          // An answer that broke off must not look whole.
          if (!answer.complete) response.destroy();
          settle(() => resolve(status));
        });
      });
      upstream.on("error", (cause) => {
        // She answered before she had read everything, which is her right; what she said is on its way.
        if (response.headersSent) return;
        if (response.destroyed) settle(() => resolve(GONE));
        else if (!connected || isRead(request)) settle(() => resolve("refused"));
        else {
          request.unpipe(upstream);
          const lost = unknownOutcome(
            "the queen did not answer, and whether she did what was asked is not known",
            cause,
          );
          settle(() => reject(lost));
        }
      });
    });
  }

  return {
    async pass(request, response) {
      const until = clock.mono() + WAIT_MS;
      let body: Buffer | null | undefined;
      for (;;) {
        if (response.destroyed) return GONE;
        const readiness = queue.readiness();
        if (readiness.ready) {
          // Whoever answers it here reads its body, if it has one.
          if (body == null || isRead(request)) return null;
          throw new HiveError("not_ready", "this dispatcher became the queen; send the request again", {
            retryAfterMs: 0,
          });
        }
        if (request.headers[FORWARDED] !== undefined) response.setHeader(FORWARDED, REFUSED);
        // Who is no standby cannot know a queen; and a standby that thinks of another standby as the queen is late.
        if (readiness.role !== "standby" || request.headers[FORWARDED] !== undefined) throw unanswered(readiness);
        const left = until - clock.mono();
        if (left <= 0) throw unanswered(readiness);
        if (readiness.queen === null) {
          await change(left);
          continue;
        }
        const one: Running = { request, response, since: clock.mono() };
        body ??= await smallBody(request);
        running.add(one);
        const outcome = await send(readiness.queen.url, request, response, body).finally(() => running.delete(one));
        if (outcome !== "refused") return outcome;
        await change(Math.min(left, AGAIN_MS));
      }
    },
    close() {
      for (const { request, response, since } of running) {
        const left = isRead(request) ? 0 : since + LONG_MS - clock.mono();
        if (left <= 0) response.destroy();
        else clock.after(left, () => response.destroy());
      }
      for (const agent of Object.values(agents)) {
        for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
      }
    },
  };
}

/** Whether it changes nothing, however often it is sent. */
function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

/** The body where it is small and its length was said; null otherwise, and then nothing was read. */
async function smallBody(request: IncomingMessage): Promise<Buffer | null> {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (encoding !== undefined || Number(length ?? 0) > KEPT_BYTES) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function unanswered(readiness: Extract<Readiness, { ready: false }>): HiveError {
  const { why, retryAfterMs } = readiness;
  return new HiveError("not_ready", `${why}; try again in a moment`, { retryAfterMs });
}

/** Not `not_ready`, which says that nothing happened, so that clients ask another dispatcher at once. */
function unknownOutcome(why: string, cause: unknown): HiveError {
  return new HiveError("store_failed", `${why}; send the request again`, { retryAfterMs: 1000 }, { cause });
}

/** Calls once the request has a connection: a new one that was made, or one that was there. */
function whenConnected(upstream: ClientRequest, then: () => void): void {
  upstream.once("socket", (socket) => {
    if (!socket.connecting) return then();
    socket.setTimeout(CONNECT_MS, () => {
      if (socket.connecting) socket.destroy(new Error("the queen cannot be reached"));
    });
    socket.once("connect", () => {
      socket.setTimeout(0);
      then();
    });
  });
}

/** The headers that are meant for the other end. */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}
