/** Signs one callback and sends it through the guard. Whatever goes wrong is a value: a receiver never harms the queue. */

import { signWebhook, type WebhookSecrets } from "@hive/protocol";
import type { Guard } from "../guard/guard.ts";
import type { GuardedClient } from "../guard/request.ts";
import type { Message, Sent } from "./deliverer.ts";

/** A receiver has this long, from the look-up of its name to the last byte of its answer. */
const TIMEOUT_MS = 20_000;
/** How much of an answer is kept for people to read. */
const EXCERPT_CHARS = 1024;

export interface SenderOptions {
  readonly guard: Guard;
  readonly client: GuardedClient;
  /** The key for an address: its own if the operator gave it one, else the server's. */
  readonly secretsFor: (url: string) => WebhookSecrets;
}

/** How the deliverer sends. */
export function createSender(options: SenderOptions): (message: Message, signal: AbortSignal) => Promise<Sent> {
  return async (message, signal) => {
    const check = options.guard.checkUrl(message.url, { what: "callback", trusted: message.trusted });
    if (!check.ok) return { status: null, error: check.message };
    const { id, timestamp, body } = message;
    const signed = await signWebhook({ id, timestamp, body }, options.secretsFor(message.url));
    const reply = await options.client.request({
      url: check.url,
      method: "POST",
      headers: { ...signed, "content-type": "application/json", "user-agent": "Hive" },
      body,
      timeoutMs: TIMEOUT_MS,
      trusted: message.trusted,
      signal,
    });
    if (!reply.ok) return { status: null, error: reply.message };
    const excerpt = reply.body.toString("utf8").slice(0, EXCERPT_CHARS);
    return { status: reply.status, retryAfter: reply.headers["retry-after"], excerpt };
  };
}
