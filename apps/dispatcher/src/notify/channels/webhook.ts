/** A program of the owner's: JSON, signed as callbacks are (Standard Webhooks). */

import { signWebhook } from "@hive/protocol";
import { type Message, plainText, type Sender } from "../message.ts";
import { postJson, type PostOptions } from "../post.ts";

export function createWebhook(url: string, keys: readonly string[], options: PostOptions): Sender {
  return {
    type: "webhook",
    async send(message, signal) {
      const body = JSON.stringify(webhookBody(message));
      const signed = await signWebhook({ id: message.id, timestamp: Math.floor(options.wall() / 1_000), body }, keys);
      return postJson(options, { url, body, headers: { ...signed }, signal });
    },
  };
}

/** What the program reads. `quotes` are text from outside. */
export function webhookBody(message: Message): object {
  const { channel, title, digest, more, url } = message;
  const items = message.items.map(({ kind, at, event, jobId, headline, reason, quotes, link, url: page }) => ({
    ...{ kind, event, jobId, headline, reason, link, url: page },
    at: new Date(at).toISOString(),
    quotes: [...quotes],
  }));
  return {
    type: "notification",
    timestamp: new Date(message.at).toISOString(),
    data: { channel, title, text: plainText(message), items, more, digest: [...digest], url },
  };
}
