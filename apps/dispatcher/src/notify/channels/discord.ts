/** Discord, by a webhook. Nobody is mentioned whatever a text says, nothing is embedded, and markup is escaped. */

import { type Message, QUOTED, type Sender } from "../message.ts";
import { postJson, type PostOptions } from "../post.ts";
import { cutLine } from "../../sources/clean-text.ts";

/** What Discord takes of one message. */
const CONTENT_CHARS = 2_000;
/** Of one quoted text: ten of them have to fit. */
const QUOTE_CHARS = 80;
/** Links show no preview. */
const SUPPRESS_EMBEDS = 4;

export function createDiscord(url: string, options: PostOptions): Sender {
  return {
    type: "discord",
    send: (message, signal) => postJson(options, { url, body: discordBody(message), signal }),
  };
}

/** Without markup, mentions, custom emoji, timestamps, and links that make themselves. */
export function discordText(text: string): string {
  return text
    .replace(/[\\*_~`|>#<[\]()-]/g, "\\$&")
    .replaceAll("@", "@\u200b")
    .replaceAll(":", ":\u200b")
    .replace(/discord\.gg|www\./gi, (found) => `${found[0] ?? ""}\u200b${found.slice(1)}`);
}

/** The body of the webhook. */
export function discordBody(message: Message): object {
  const head = [`**${discordText(message.title)}**`, ...message.digest.map(discordText)].join("\n");
  const hasQuotes = message.items.some(({ quotes }) => quotes.length > 0);
  const foot = hasQuotes ? `-# ${QUOTED.replace("Lines with >", "Indented lines")}` : "";
  const items = message.items.map(({ headline, quotes, url, link }) =>
    [
      discordText(headline),
      ...quotes.map(({ label, text }) => `> ${label}: ${discordText(cutLine(text, QUOTE_CHARS))}`),
      ...[url, link].flatMap((one) => (one === null ? [] : [`<${one}>`])),
    ].join("\n"),
  );
  // Whole items alone: half of one could end inside an escape.
  for (let count = items.length; ; count -= 1) {
    const left = message.more + items.length - count;
    const more = left > 0 ? [`And ${left} more: <${message.url}>`] : count === 0 ? [`<${message.url}>`] : [];
    const content = [head.slice(0, 1_500), ...items.slice(0, count), ...more, ...(foot === "" ? [] : [foot])].join(
      "\n\n",
    );
    if (content.length <= CONTENT_CHARS || count === 0)
      return { username: "Hive", content, allowed_mentions: { parse: [] }, flags: SUPPRESS_EMBEDS };
  }
}
