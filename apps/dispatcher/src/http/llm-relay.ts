/**
 * Passes model calls that arrive on this server's port on to the LLM gateway's own process, byte for byte, so that a
 * worker on another machine needs one address only. Nothing is looked at here: the gateway checks the lease token, and
 * the key never comes into this process's hands.
 */

import { request as httpRequest } from "node:http";
import { HiveError } from "@hive/core";
import type { FastifyInstance } from "fastify";
import { pathOf } from "../leader/hand-on.ts";
import { problemReply } from "./problems.ts";

/** The prefix of every path the gateway answers. */
const PREFIX = "/llm/*";

/** `gatewayUrl` is asked at each call: null while the gateway is not there. */
export function mountLlmRelay(app: FastifyInstance, gatewayUrl: () => string | null): void {
  app.all(PREFIX, (incoming, reply) => {
    reply.hijack();
    const { raw: from } = incoming;
    const { raw: to } = reply;
    const fail = (): void => {
      const error = new HiveError("not_ready", "the LLM gateway is being started; try again in a moment", {
        retryAfterMs: 1000,
      });
      const { status, headers, body } = problemReply(error, incoming.id);
      if (to.headersSent) to.destroy();
      else to.writeHead(status, headers).end(body);
      from.resume();
    };
    const target = gatewayUrl();
    if (target === null) return fail();
    const upstream = httpRequest(target + pathOf(from), { method: from.method, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
      answer.once("error", () => to.destroy());
    });
    upstream.once("error", fail);
    // Whoever asked is gone: the provider need not go on.
    to.once("close", () => upstream.destroy());
    from.pipe(upstream);
  });
}
