/**
 * Which items of a feed are known, and by what. An item is known by the id its author gave it, else by its link, else by
 * what it says. Authors repeat ids: items of one id with different links are told apart by their links.
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import type { FeedItem } from "./feed-items.ts";

/** What is remembered of an item, under the hash of its key. */
export const seenItemSchema = z.object({
  /** Of its title and text: another one is an edit. */
  content: z.string(),
  /** Hash of its normalised link. */
  link: z.string(),
  /** When it was first seen, wall milliseconds. */
  at: z.number(),
});
export type SeenItem = z.infer<typeof seenItemSchema>;

/** An item with the name it is known by, which is its identity as a signal too. */
export interface KeyedItem {
  readonly item: FeedItem;
  readonly key: string;
  readonly seen: SeenItem;
}

/** Parameters that say how somebody came to a page, and not which page it is. */
const TRACKING = /^(?:utm_[a-z_]+|fbclid|gclid|mc_[ce]id)$/i;

/** What is remembered, by key. */
export type SeenItems = Pick<ReadonlyMap<string, SeenItem>, "has" | "get">;

/** Names each item, in the order they came; of those that are the same twice there is one. */
export function keyItems(items: readonly FeedItem[], known: SeenItems, now: number): KeyedItem[] {
  const looked = items.map((item, order) => ({ item, order, seen: seenOf(item, now) }));
  // Who was first to have an id keeps it, wherever in the document a second item of that id comes.
  const owners = looked.filter(({ item, seen }) => isOwner(item, seen, known));
  const taken = new Map<string, KeyedItem & { readonly order: number }>();
  for (const { item, order, seen } of [...owners, ...looked]) {
    const key = keyOf(item, seen, known, taken);
    if (!taken.has(key)) taken.set(key, { item, order, key, seen: { ...seen, at: known.get(key)?.at ?? now } });
  }
  return [...taken.values()].sort((one, other) => one.order - other.order);
}

function seenOf(item: FeedItem, at: number): SeenItem {
  return { content: hash(item.title, item.text), link: hash(normalLink(item.link)), at };
}

function isOwner(item: FeedItem, seen: SeenItem, known: SeenItems): boolean {
  const owner = item.id === "" ? undefined : known.get(hash("id", item.id));
  return owner !== undefined && isSame(owner, seen, item);
}

function keyOf(item: FeedItem, seen: SeenItem, known: SeenItems, taken: ReadonlyMap<string, KeyedItem>): string {
  const { content, link } = seen;
  if (item.id === "") return item.link === "" ? hash("content", content) : hash("link", link);
  const plain = hash("id", item.id);
  // Two items of one id, without a link to tell them apart, are told apart by what they say.
  const apart = hash("id", item.id, item.link === "" ? content : link);
  if (known.has(apart)) return apart;
  const owner = taken.get(plain)?.seen;
  return owner === undefined || isSame(owner, seen, item) ? plain : apart;
}

function isSame(one: SeenItem, other: SeenItem, item: FeedItem): boolean {
  return item.link === "" ? one.content === other.content : one.link === other.link;
}

/** A link as it is compared: without scheme, fragment, a last slash and what only tracks. "" stays "". */
export function normalLink(link: string): string {
  if (!URL.canParse(link)) return link;
  const url = new URL(link);
  for (const name of [...url.searchParams.keys()]) if (TRACKING.test(name)) url.searchParams.delete(name);
  url.searchParams.sort();
  const query = url.searchParams.toString();
  return `${url.host.replace(/^www\./, "")}${url.pathname.replace(/\/+$/, "")}${query === "" ? "" : `?${query}`}`;
}

function hash(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
