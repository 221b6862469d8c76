/**
 * The source type `feed`: RSS, Atom and JSON feeds, asked every quarter of an hour. Each new item is one event. What was
 * there at the first look is known and no news; an item that was edited is a note to what it already caused.
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import type { Occurrence, Polled, Poller, PollTools, SourceType } from "../contract.ts";
import { outwardAuthSchema, outwardHeaders, outwardSecrets } from "../outward-auth.ts";
import { retryAfterMs } from "../retry-after.ts";
import type { SourceReply } from "../source-fetch.ts";
import { type FeedDocument, readFeed } from "./feed-items.ts";
import { decodeFeed } from "./feed-text.ts";
import { type KeyedItem, keyItems, type SeenItem, seenItemSchema } from "./seen-items.ts";

/** A feed with a larger document is an error. */
const MAX_BYTES = 5 * 1024 * 1024;
/** For the whole answer, in milliseconds. */
const TIMEOUT_MS = 20_000;
/** Items told at once; the others follow in the next poll, which comes at once. A commit of more would keep others waiting. */
const AT_ONCE = 200;
/** Items of one document that are looked at; a feed shows a few dozen. */
const MAX_ITEMS = 500;
/** Items that are remembered although the feed shows them no more: the ones seen last. */
const MAX_GONE = 1000;
const ACCEPTED =
  "application/feed+json, application/atom+xml, application/rss+xml, application/xml;q=0.9, application/json;q=0.8, */*;q=0.1";

const feedSchema = z.strictObject({
  /** Of the feed, `http:` or `https:`. It may be private: the operator wrote it. */
  url: z.url({ protocol: /^https?$/ }).max(2000),
  /** What of the items that are there at the first look is news: `none`, or the newest, `latest:3` (at most 20). */
  initial: z
    .string()
    .regex(/^(?:none|latest:(?:[1-9]|1[0-9]|20))$/, "must be none, or latest:1 to latest:20")
    .default("none"),
  auth: outwardAuthSchema.optional(),
});
type FeedSettings = z.infer<typeof feedSchema>;

/** How far a feed was read: of which address, and what makes the server say that nothing changed. */
const cursorSchema = z.object({ url: z.string(), etag: z.string().nullable(), modified: z.string().nullable() });
type FeedCursor = z.infer<typeof cursorSchema>;

/** The source type `feed`. */
export const feed: SourceType<FeedSettings> = {
  name: "feed",
  schema: feedSchema,
  fields: () => ({ texts: ["id", "title", "link", "author", "categories", "published"], maps: ["feed"] }),
  secrets: ({ auth }) => outwardSecrets(auth),
  everyMs: 15 * 60_000,
  addresses: ({ url }) => [url],
  open: (own, stored) => openFeed(own, stored),
};

function openFeed(
  own: FeedSettings,
  stored: { readonly cursor: unknown; readonly memories: ReadonlyMap<string, object> },
): Poller {
  const place = createHash("sha256").update(own.url).digest("hex").slice(0, 32);
  let cursor = cursorOf(stored.cursor, place);
  const seen = new Map<string, SeenItem>();
  for (const [key, value] of stored.memories) {
    const known = seenItemSchema.safeParse(value);
    if (known.success) seen.set(key, known.data);
  }
  let afterCommit = (): void => {};

  const poll = async (tools: PollTools): Promise<Polled> => {
    afterCommit = () => {};
    const reply = await tools.fetch(own.url, {
      headers: { accept: ACCEPTED, ...outwardHeaders(own.auth, tools.secret), ...conditions(cursor) },
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
    });
    const pause = pauseOf(reply, tools.now);
    if (pause !== null) return { ...NOTHING_NEW, ...pause };
    if (reply.status === 304) return NOTHING_NEW;
    if (reply.status !== 200) throw new Error(`The feed's server answered ${reply.status}`);
    const text = decodeFeed(reply.body, reply.headers.get("content-type"));
    const document = readFeed(text, own.url, MAX_ITEMS);
    const keyed = keyItems(document.items, seen, tools.now);

    const told = cursor === null ? firstLook(keyed, own.initial) : changed(keyed, seen);
    const now = told.slice(0, AT_ONCE);
    const more = told.length > now.length;
    // The first look knows everything at once; later looks know what they told.
    const known = cursor === null ? keyed : now;
    // What is still to be told must not be hidden by "nothing changed".
    const next: FeedCursor = {
      url: place,
      etag: more ? null : reply.headers.get("etag"),
      modified: more ? null : reply.headers.get("last-modified"),
    };
    const memories: Record<string, SeenItem | null> = {};
    for (const { key, seen: one } of known) memories[key] = one;
    for (const key of forgettable(seen, keyed)) memories[key] = null;
    afterCommit = () => {
      cursor = next;
      for (const [key, one] of Object.entries(memories)) {
        if (one === null) seen.delete(key);
        else seen.set(key, one);
      }
    };
    const occurrences = now.map((one) => occurrenceOf(one, document, seen.has(one.key)));
    return { occurrences, cursor: next, memories, more };
  };

  return { poll, committed: () => afterCommit(), close: () => {} };
}

const NOTHING_NEW: Polled = { occurrences: [], cursor: null, memories: {}, more: false };

/** Null when it was never read, or was read from another address: then this is the first look. */
function cursorOf(stored: unknown, place: string): FeedCursor | null {
  const cursor = cursorSchema.safeParse(stored);
  return cursor.success && cursor.data.url === place ? cursor.data : null;
}

function conditions(cursor: FeedCursor | null): Record<string, string> {
  const { etag = null, modified = null } = cursor ?? {};
  return {
    ...(etag === null ? {} : { "if-none-match": etag }),
    ...(modified === null ? {} : { "if-modified-since": modified }),
  };
}

function pauseOf({ status, headers }: SourceReply, now: number): { afterMs: number; notice: string } | null {
  if (status !== 429 && status !== 503) return null;
  const afterMs = retryAfterMs(headers, now) ?? 0;
  return {
    afterMs,
    notice: `The feed's server answered ${status} and asks for ${Math.ceil(afterMs / 1000)} s of rest`,
  };
}

/** The newest by date where all have one, else by their place, which is usually the newest first. Oldest of them first. */
function firstLook(keyed: readonly KeyedItem[], initial: string): KeyedItem[] {
  const count = Number(initial.split(":")[1] ?? 0);
  return oldestFirst(keyed).slice(keyed.length - Math.min(count, keyed.length));
}

/** New items and edited ones, oldest first. */
function changed(keyed: readonly KeyedItem[], seen: ReadonlyMap<string, SeenItem>): KeyedItem[] {
  return oldestFirst(keyed.filter(({ key, seen: { content } }) => seen.get(key)?.content !== content));
}

function oldestFirst(keyed: readonly KeyedItem[]): KeyedItem[] {
  const turned = [...keyed].reverse();
  if (turned.some(({ item }) => item.at === null)) return turned;
  return turned.sort((one, other) => (one.item.at ?? 0) - (other.item.at ?? 0));
}

/** Of what the feed shows no more, all but the newest. What it shows is never forgotten: it would be news again. */
function forgettable(seen: ReadonlyMap<string, SeenItem>, keyed: readonly KeyedItem[]): string[] {
  const shown = new Set(keyed.map(({ key }) => key));
  const gone = [...seen].filter(([key]) => !shown.has(key)).sort(([, one], [, other]) => other.at - one.at);
  return gone.slice(MAX_GONE).map(([key]) => key);
}

function occurrenceOf({ item, key }: KeyedItem, document: FeedDocument, isEdit: boolean): Occurrence {
  const title =
    item.title === "" ? item.text.split("\n", 1).join("") || item.link || "An item without a title" : item.title;
  const fields = {
    title: item.title,
    id: item.id,
    link: item.link,
    author: item.author,
    categories: item.categories.join(", "),
    published: item.at === null ? "" : new Date(item.at).toISOString(),
    "feed.title": document.title,
  };
  return {
    identity: [key],
    title,
    text: item.text,
    state: "event",
    episode: null,
    severity: null,
    at: item.at,
    count: 1,
    note: isEdit,
    link: item.link === "" ? null : item.link,
    fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "")),
  };
}
