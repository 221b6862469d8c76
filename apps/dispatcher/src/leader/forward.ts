/**
 * A standby hands requests on to the queen as they come, whatever they are, and the answer piece by piece as it is
 * given (`hand-on.ts`). So every dispatcher can be asked, and what a request means is decided in one place only.
 *
 * A request is never carried out twice. One that certainly did not reach a queen, or one who was not her any more, looks
 * for the next; a change that may have is answered with 503, and its caller repeats it, as after any lost answer. A queen
 * who was followed is not waited for: she may stand still and never answer.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { HiveError } from "@hive/core";
import type { Clock } from "../clock.ts";
import { readWhole } from "../http/body.ts";
import type { Queue, Readiness } from "../queue/contract.ts";
import { createConnections, FORWARDED, GONE, type HandedOn, isRead, type Outcome, REFUSED } from "./hand-on.ts";
import { createUnreachable, type Unreachable } from "./unreachable.ts";

/** Milliseconds a request waits for a queen to be known. A kill is followed within six seconds, a clean stop within one. */
const WAIT_MS = 5_000;
/** Milliseconds before a queen that could not be reached is tried again. */
const AGAIN_MS = 100;
/** A request that takes longer than this, in milliseconds, waits for something to happen and is asked again elsewhere. */
const LONG_MS = 1_000;
/** Milliseconds that a queen who was followed has for what she was asked before: one who stops in order ends it herself. */
const FORMER_MS = 1_000;
/** Bytes of a body that are kept, so that the request can be sent to the next queen; a longer one is passed through. */
const KEPT_BYTES = 16_384;
const NO_BODY = Buffer.alloc(0);

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
  readonly log: { warn(message: string): void };
}

/** A request that the queen has and that is not answered whole. */
interface Running {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly since: number;
  readonly url: string;
  readonly handed: HandedOn;
  /** Takes back that it will be abandoned; null: it will not. */
  keep: (() => void) | null;
}

export function createForwarder({ queue, clock, log }: ForwarderOptions): Forwarder {
  const running = new Set<Running>();
  const unreachable = createUnreachable((message) => log.warn(message));
  const connections = createConnections(unreachable);

  const unlisten = queue.onReadiness((readiness) => {
    const queen = readiness.ready ? "" : readiness.queen?.url;
    // While the next one is elected the one before may still end what she has.
    if (queen === undefined) return;
    for (const one of running) {
      if (one.url === queen) continue;
      one.keep ??= clock.after(FORMER_MS, () => one.handed.abandon("another dispatcher is the queen by now"));
    }
  });

  /** Resolves after a change of who the queen is, or when the time is over. */
  function change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        unlistenChange();
        cancel();
        resolve();
      };
      const unlistenChange = queue.onReadiness(done);
      const cancel = clock.after(ms, done);
    });
  }

  async function send(
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer | null,
  ): Promise<Outcome> {
    const handed = connections.handOn(url, request, response, body);
    const one: Running = { request, response, since: clock.mono(), url, handed, keep: null };
    running.add(one);
    try {
      return await handed.outcome;
    } finally {
      running.delete(one);
      one.keep?.();
    }
  }

  return {
    async pass(request, response) {
      let until = clock.mono() + WAIT_MS;
      let body: Buffer | null | undefined;
      for (;;) {
        if (response.destroyed) return GONE;
        const readiness = queue.readiness();
        if (readiness.ready) {
          // Whoever answers it here reads its body, if it has one.
          if (body === undefined || body === null || body.length === 0) return null;
          throw new HiveError("not_ready", "this dispatcher became the queen; send the request again", {
            retryAfterMs: 0,
          });
        }
        if (request.headers[FORWARDED] !== undefined) response.setHeader(FORWARDED, REFUSED);
        // Who is no standby cannot know a queen; and a standby that thinks of another standby as the queen is late.
        if (readiness.role !== "standby" || request.headers[FORWARDED] !== undefined) throw unanswered(readiness);
        const left = until - clock.mono();
        if (left <= 0) throw unanswered(readiness, unreachable);
        if (readiness.queen === null) {
          await change(left);
          continue;
        }
        if (body === undefined) {
          body = await smallBody(request);
          // That may have taken a while: who is the queen by now?
          until = clock.mono() + WAIT_MS;
          continue;
        }
        const sentAt = clock.mono();
        const outcome = await send(readiness.queen.url, request, response, body);
        if (typeof outcome === "number") return outcome;
        // As long as she had it nobody waited for a queen.
        if (outcome === "died") until += clock.mono() - sentAt;
        await change(Math.min(left, AGAIN_MS));
      }
    },
    close() {
      for (const { request, response, since } of running) {
        const left = isRead(request) ? 0 : since + LONG_MS - clock.mono();
        if (left <= 0) response.destroy();
        else clock.after(left, () => response.destroy());
      }
      unlisten();
      connections.close();
    },
  };
}

/** The body where it is small and its length was said; null otherwise, and then nothing was read. @throws HiveError `bad_request` */
async function smallBody(request: IncomingMessage): Promise<Buffer | null> {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (isRead(request)) {
    // None of these takes one.
    request.resume();
    return NO_BODY;
  }
  if (encoding !== undefined || Number(length ?? 0) > KEPT_BYTES) return null;
  return Number(length ?? 0) === 0 ? NO_BODY : readWhole(request, KEPT_BYTES);
}

function unanswered(
  readiness: Extract<Readiness, { ready: false }>,
  unreachable?: Pick<Unreachable, "why">,
): HiveError {
  const { why, retryAfterMs, queen } = readiness;
  const obstacle = queen === null ? null : (unreachable?.why(queen.url) ?? null);
  return new HiveError("not_ready", `${why}${obstacle === null ? "" : `, but ${obstacle}`}; try again in a moment`, {
    retryAfterMs,
  });
}
