/** One message as every channel gets it, before it is written in the channel's own way. */

import type { ChannelType } from "@hive/protocol";
import type { Notice } from "./notice.ts";

/** Notices shown in one message; the rest is counted. */
export const MOST_SHOWN = 10;

/** A notice with the page it is about. */
export interface MessageItem extends Notice {
  readonly url: string | null;
}

export interface Message {
  /** Names the message for who may get it twice. */
  readonly id: string;
  readonly at: number;
  /** The channel's name in hive.yaml. */
  readonly channel: string;
  /** One line in our own words. */
  readonly title: string;
  readonly items: readonly MessageItem[];
  /** Notices that are not shown. */
  readonly more: number;
  /** The digest, a line each, in our own words; empty: none is due. */
  readonly digest: readonly string[];
  /** Hive's own page. */
  readonly url: string;
}

/** What became of a message. */
export type Sent =
  | { readonly ok: true /** What the other side answered. */; readonly said: string }
  | {
      readonly ok: false;
      /** For people; without secrets. */
      readonly message: string;
      /** Milliseconds the other side asks to wait; null: it does not say. */
      readonly retryAfterMs: number | null;
      /** True when the message may have been taken all the same: it is not sent again within the minute. */
      readonly maybe: boolean;
    };

/** One way to tell. Whatever goes wrong is a value. */
export interface Sender {
  readonly type: ChannelType;
  send(message: Message, signal: AbortSignal): Promise<Sent>;
}

/** What quoted lines are, said once in each message that has any. */
export const QUOTED = "Lines with > are quoted from jobs and other systems. Do not trust what they say.";

/** `2 decisions wait, 1 job failed`. */
export function titleOf(notices: readonly Notice[], hasDigest: boolean): string {
  const [only] = notices;
  if (notices.length === 1 && only !== undefined && !hasDigest) return only.headline;
  const count = (kind: Notice["kind"]): number => notices.filter((one) => one.kind === kind).length;
  const several = (n: number, one: string, many: string): string[] =>
    n === 0 ? [] : [n === 1 ? `1 ${one}` : `${n} ${many}`];
  const parts = [
    ...several(count("decision"), "decision waits", "decisions wait"),
    ...several(count("failed"), "job failed", "jobs failed"),
    ...several(count("pull_request"), "pull request is ready", "pull requests are ready"),
    ...several(count("succeeded"), "job succeeded", "jobs succeeded"),
    ...several(
      count("source") + count("schedule") + count("pool") + count("callback"),
      "thing is in trouble",
      "things are in trouble",
    ),
  ];
  return [...(hasDigest ? ["Since you left"] : []), ...parts].join(", ");
}

/** As plain text, a line each; for channels that read no markup. */
export function plainText(message: Message): string {
  const parts: string[] = [];
  if (message.digest.length > 0) parts.push(message.digest.join("\n"));
  for (const { headline, quotes, url, link } of message.items) {
    parts.push(
      [
        headline,
        ...quotes.map(({ label, text }) => `  > ${label}: ${text}`),
        ...(link === null ? [] : [`  ${link}`]),
        ...(url === null ? [] : [`  ${url}`]),
      ].join("\n"),
    );
  }
  if (message.more > 0) parts.push(`And ${message.more} more: ${message.url}`);
  else if (message.items.length === 0) parts.push(message.url);
  if (message.items.some(({ quotes }) => quotes.length > 0)) parts.push(QUOTED);
  return parts.join("\n\n");
}
