/**
 * Slack, by an incoming webhook. Our own words are mrkdwn with everything escaped; what is quoted stands in plain text
 * blocks, which have no markup, no links and no mentions.
 */

import { type Message, QUOTED, type Sender } from "../message.ts";
import { postJson, type PostOptions } from "../post.ts";

/** What Slack takes of one text, with room for what escaping adds. */
const TEXT_CHARS = 2_900;

export function createSlack(url: string, options: PostOptions): Sender {
  return {
    type: "slack",
    send: (message, signal) => postJson(options, { url, body: slackBody(message), signal }),
  };
}

/** Control characters of mrkdwn, as Slack says to escape them, and the signs of its formatting. */
export function slackText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[*_~`]/g, (sign) => `${sign}\u200b`);
}

/** The body of the webhook. */
export function slackBody(message: Message): object {
  const mrkdwn = (text: string): object => ({
    type: "section",
    text: { type: "mrkdwn", text: text.slice(0, TEXT_CHARS) },
  });
  const plain = (text: string): object => ({
    type: "context",
    elements: [{ type: "plain_text", text: text.slice(0, TEXT_CHARS), emoji: false }],
  });
  const blocks = [mrkdwn(`*${slackText(message.title)}*`)];
  if (message.digest.length > 0) blocks.push(mrkdwn(message.digest.map(slackText).join("\n")));
  for (const { headline, quotes, url, link } of message.items) {
    const links = [
      ...(url === null ? [] : [`<${url}|Open in Hive>`]),
      ...(link === null ? [] : [`<${link}|Pull request>`]),
    ];
    blocks.push(mrkdwn([slackText(headline), ...links].join("  ")));
    if (quotes.length > 0) blocks.push(plain(quotes.map(({ label, text }) => `> ${label}: ${text}`).join("\n")));
  }
  const more = message.more > 0 ? `And ${message.more} more: ` : "";
  blocks.push(mrkdwn(`${more}<${message.url}|Hive>`));
  if (message.items.some(({ quotes }) => quotes.length > 0)) blocks.push(plain(QUOTED));
  return { text: slackText(message.title), blocks, unfurl_links: false, unfurl_media: false };
}
