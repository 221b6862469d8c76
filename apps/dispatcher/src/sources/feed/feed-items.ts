/** What the formats of feeds (RSS, RSS 1.0, Atom, JSON Feed) say of their items, in one shape. Nothing is fetched here. */

import { type AnyFeed, type AtomFeed, type JsonFeed, parseFeed, type RdfFeed, type RssFeed } from "feedsmith";
import { plainText } from "./feed-text.ts";

/** One item as its feed tells it; texts without markup, "" where there is none. */
export interface FeedItem {
  /** The guid or id its author gave it. */
  readonly id: string;
  /** Absolute; "" when there is none that people could open. */
  readonly link: string;
  readonly title: string;
  readonly text: string;
  /** Wall milliseconds of its publication; null: not told. */
  readonly at: number | null;
  readonly author: string;
  readonly categories: readonly string[];
}

/** A document of a feed. Items in its own order, usually newest first. */
export interface FeedDocument {
  readonly title: string;
  readonly items: readonly FeedItem[];
}

/** What an item is made of before its texts are cleaned. */
type RawItem = { readonly [name in keyof Omit<FeedItem, "at" | "categories">]: string | undefined } & {
  readonly date: string | undefined;
  readonly categories: readonly (string | undefined)[];
};

/**
 * Reads the text of a feed. `base`: the address it came from, for links that are not absolute. At most `maxItems`.
 * @throws an error for people when it is no feed, or declares entities.
 */
export function readFeed(text: string, base: string, maxItems: number): FeedDocument {
  // The parser expands none, and no feed that is meant to be read needs any.
  if (/<!ENTITY/i.test(text)) throw new Error("The feed declares XML entities of its own, which are not taken");
  const { title, items } = rawFeed(parsed(text));
  return {
    title: plainText(title ?? ""),
    items: items.slice(0, maxItems).map((item) => cleaned(item, base)),
  };
}

function parsed(text: string): AnyFeed {
  try {
    return parseFeed(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The answer is no RSS, Atom or JSON feed (${why})`, { cause: error });
  }
}

function rawFeed({ format, feed }: AnyFeed): { title: string | undefined; items: readonly RawItem[] } {
  switch (format) {
    case "rss":
      return { title: feed.title, items: (feed.items ?? []).map(ofRss) };
    case "rdf":
      return { title: feed.title, items: (feed.items ?? []).map(ofRdf) };
    case "atom":
      return { title: feed.title?.value, items: (feed.entries ?? []).map(ofAtom) };
    case "json":
      return { title: feed.title, items: (feed.items ?? []).map(ofJson) };
  }
}

function ofRss(item: RssFeed.Item<string>): RawItem {
  const { guid } = item;
  return {
    id: guid?.value,
    // A guid is an address unless it says otherwise; many feeds have no other link.
    link: item.link ?? (guid?.isPermaLink === false ? undefined : guid?.value),
    title: item.title,
    text: item.content?.encoded ?? item.description,
    date: item.pubDate ?? item.dc?.dates?.[0],
    author: item.authors?.[0]?.name ?? item.authors?.[0]?.email ?? item.dc?.creators?.[0],
    categories: (item.categories ?? []).map(({ name }) => name),
  };
}

function ofRdf(item: RdfFeed.Item<string>): RawItem {
  return {
    id: item.rdf?.about,
    link: item.link,
    title: item.title,
    text: item.content?.encoded ?? item.description,
    date: item.dc?.dates?.[0],
    author: item.dc?.creators?.[0],
    categories: item.dc?.subjects ?? [],
  };
}

function ofAtom(entry: AtomFeed.Entry<string>): RawItem {
  const links = entry.links ?? [];
  return {
    id: entry.id,
    link: (links.find(({ rel }) => rel === undefined || rel === "alternate") ?? links[0])?.href,
    title: entry.title?.value,
    text: entry.content?.value ?? entry.summary?.value,
    date: entry.published ?? entry.updated,
    author: entry.authors?.[0]?.name,
    categories: (entry.categories ?? []).map(({ label, term }) => label ?? term),
  };
}

function ofJson(item: JsonFeed.Item<string>): RawItem {
  return {
    id: item.id,
    link: item.url ?? item.external_url,
    title: item.title,
    text: item.content_text ?? item.content_html ?? item.summary,
    date: item.date_published ?? item.date_modified,
    author: item.authors?.[0]?.name,
    categories: item.tags ?? [],
  };
}

function cleaned(item: RawItem, base: string): FeedItem {
  const at = Date.parse(item.date ?? "");
  return {
    id: (item.id ?? "").trim(),
    link: absolute((item.link ?? "").trim(), base),
    title: plainText(item.title ?? ""),
    text: plainText(item.text ?? ""),
    at: Number.isFinite(at) ? at : null,
    author: plainText(item.author ?? ""),
    categories: item.categories.map((name) => plainText(name ?? "")).filter((name) => name !== ""),
  };
}

function absolute(link: string, base: string): string {
  if (link === "" || !URL.canParse(link, base)) return "";
  const url = new URL(link, base);
  return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
}
