import { expect, test } from "vitest";
import { anyType } from "../configured-type.ts";
import { createPeer, pollingLife } from "../polling.fixture.ts";
import { sourceTypeSuite } from "../source-type.suite.ts";
import { feed } from "./feed.ts";

sourceTypeSuite({ type: anyType(feed), settings: { url: "http://127.0.0.1:8000/feed.xml" } });

const URL_OF_FEED = "http://127.0.0.1:8000/feed.xml";

interface Item {
  readonly title: string;
  readonly guid?: string;
  readonly link?: string;
  readonly text?: string;
  readonly date?: string;
}

function rss(...items: readonly Item[]): { body: string } {
  const tags = items.map(({ title, guid, link, text, date }) =>
    [
      `<item><title>${title}</title>`,
      guid === undefined ? "" : `<guid isPermaLink="false">${guid}</guid>`,
      link === undefined ? "" : `<link>${link}</link>`,
      text === undefined ? "" : `<description><![CDATA[${text}]]></description>`,
      date === undefined ? "" : `<pubDate>${date}</pubDate>`,
      "</item>",
    ].join(""),
  );
  return {
    body: `<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>${tags.join("")}</channel></rss>`,
  };
}

function open(settings: object = {}) {
  const own = feed.schema.parse({ url: URL_OF_FEED, ...settings });
  return (stored: Parameters<NonNullable<typeof feed.open>>[1]) => {
    if (feed.open === undefined) throw new Error("a feed polls");
    return feed.open(own, stored);
  };
}

function life(first: { body: string }, settings: object = {}) {
  const peer = createPeer(first);
  const own = pollingLife(open(settings), peer.fetch);
  const titles = async (): Promise<string[]> =>
    (await own.poll()).occurrences.map(({ title, note }) => (note ? `note: ${title}` : title));
  return { ...own, own, peer, titles };
}

const A = { title: "A", guid: "a", link: "http://x/a" };
const B = { title: "B", guid: "b", link: "http://x/b" };
const C = { title: "C", guid: "c", link: "http://x/c" };

test("what is there at the first look is no news, and each item that comes later is told once", async () => {
  const { titles, peer } = life(rss(B, A));
  expect(await titles()).toEqual([]);
  peer.answer = rss(C, B, A);
  expect(await titles()).toEqual(["C"]);
  expect(await titles()).toEqual([]);
});

test("initial: latest:2 tells the two newest, oldest of them first", async () => {
  expect(await life(rss(C, B, A), { initial: "latest:2" }).titles()).toEqual(["B", "C"]);
  const dated = rss(
    { ...A, date: "Sun, 22 Nov 2026 10:00:00 GMT" },
    { ...C, date: "Mon, 23 Nov 2026 11:00:00 GMT" },
    { ...B, date: "Mon, 23 Nov 2026 10:00:00 GMT" },
  );
  expect(await life(dated, { initial: "latest:2" }).titles()).toEqual(["B", "C"]);
});

test("an edited title or text is a note to the same item, and a note is told once", async () => {
  const { own, peer, titles } = life(rss(A));
  await titles();
  peer.answer = rss({ ...A, title: "A, corrected" });
  const { occurrences } = await own.poll();
  expect(occurrences.map(({ title, note }) => [title, note])).toEqual([["A, corrected", true]]);
  peer.answer = rss({ ...A, title: "A, corrected", text: "more" });
  const [edited] = (await own.poll()).occurrences;
  expect([edited?.note, edited?.identity]).toEqual([true, occurrences[0]?.identity]);
  expect(await titles()).toEqual([]);
});

test("a restart forgets nothing, and what was lost before it was committed is told again", async () => {
  const { own, peer, titles } = life(rss(A));
  await own.poll();
  own.restart();
  expect(await titles()).toEqual([]);
  peer.answer = rss(B, A);
  expect((await own.lost()).occurrences).toHaveLength(1);
  expect(await titles()).toEqual(["B"]);
  own.restart();
  expect(await titles()).toEqual([]);
});

test("items without an id are known by their link, whatever tracks the way to it", async () => {
  const { peer, titles } = life(rss({ title: "A", link: "http://www.x/a/?b=2&amp;a=1" }));
  await titles();
  peer.answer = rss({ title: "A", link: "https://x/a?utm_source=rss&amp;a=1&amp;b=2#top" });
  expect(await titles()).toEqual([]);
  peer.answer = rss({ title: "A", link: "https://x/a?a=1&amp;b=3" });
  expect(await titles()).toEqual(["A"]);
});

test("items without id and link are known by what they say", async () => {
  const { peer, titles } = life(rss({ title: "A", text: "one" }));
  await titles();
  peer.answer = rss({ title: "A", text: "two" }, { title: "A", text: "one" });
  expect(await titles()).toEqual(["A"]);
});

test("two items of one id are two, whichever comes first in the document", async () => {
  const other = { title: "Other", guid: "a", link: "http://x/other" };
  for (const document of [rss(other, A), rss(A, other)]) {
    const { peer, titles } = life(rss(A));
    await titles();
    peer.answer = document;
    expect(await titles()).toEqual(["Other"]);
    expect(await titles()).toEqual([]);
    peer.answer = rss(other);
    expect(await titles()).toEqual([]);
  }
});

test("the same item twice in a document is one", async () => {
  const { peer, titles } = life(rss(A));
  await titles();
  peer.answer = rss(B, B, A);
  expect(await titles()).toEqual(["B"]);
});

test("a new link of an item with an id is an edit and no news", async () => {
  const { peer, titles } = life(rss(A, B));
  await titles();
  peer.answer = rss({ ...A, link: "http://x/moved", title: "A moved" }, B);
  expect(await titles()).toEqual(["note: A moved"]);
});

test("the server is asked only for what changed, and 304 changes nothing", async () => {
  const headers = { etag: '"1"', "last-modified": "Mon, 23 Nov 2026 10:00:00 GMT" };
  const { own, peer, titles } = life(rss(A));
  peer.answer = { ...rss(A), headers };
  await titles();
  peer.answer = { status: 304 };
  expect(await titles()).toEqual([]);
  own.restart();
  expect(await titles()).toEqual([]);
  const conditions = peer.asked.map(({ headers: sent }) => [sent.get("if-none-match"), sent.get("if-modified-since")]);
  const told = [headers.etag, headers["last-modified"]];
  expect(conditions).toEqual([[null, null], told, told]);
  peer.answer = rss(B, A);
  expect(await titles()).toEqual(["B"]);
});

test("more news than one commit takes come in several, none is lost, and nothing hides them as unchanged", async () => {
  const { own, peer } = life(rss(A));
  await own.poll();
  const many = Array.from({ length: 450 }, (_, at) => ({ title: `T${at}`, guid: `g${at}` }));
  peer.answer = { ...rss(...many, A), headers: { etag: '"2"' } };
  const polls = [await own.poll(), await own.lost(), await own.poll(), await own.poll(), await own.poll()];
  expect(polls.map(({ occurrences, more }) => [occurrences.length, more])).toEqual([
    [200, true],
    [200, true],
    [200, true],
    [50, false],
    [0, false],
  ]);
  const told = [polls[0], polls[2], polls[3]].flatMap((poll) => poll?.occurrences.map(({ title }) => title) ?? []);
  expect(told).toEqual(many.map(({ title }) => title).reverse());
  expect(peer.asked.map(({ headers }) => headers.get("if-none-match"))).toEqual([null, null, null, null, null, '"2"']);
});

test("what is remembered stays bounded, and what the feed shows is never forgotten", async () => {
  const { own, peer } = life(rss(A));
  await own.poll();
  for (let round = 0; round < 8; round += 1) {
    own.now += 1000;
    const items = Array.from({ length: 200 }, (_, at) => ({ title: "T", guid: `${round}-${at}` }));
    peer.answer = rss(...items, A);
    await own.poll();
  }
  expect(own.memories.size).toBeLessThanOrEqual(1201);
  expect((await own.poll()).occurrences).toEqual([]);
});

test("another address in the settings is another feed: its first look is no news", async () => {
  const { own, peer } = life(rss(A));
  await own.poll();
  peer.answer = rss(C, B);
  own.restart(open({ url: "http://127.0.0.1:8000/other.xml" }));
  expect((await own.poll()).occurrences).toEqual([]);
});

test("a server that asks for a pause gets it, and it is no error", async () => {
  const { own, peer } = life(rss(A));
  for (const status of [429, 503]) {
    peer.answer = { status, headers: { "retry-after": "120" } };
    expect(await own.poll()).toMatchObject({
      afterMs: 120_000,
      occurrences: [],
      notice: expect.stringContaining(`${status}`),
    });
  }
});

test.each([
  ["an error of the server", { status: 500 }, "answered 500"],
  ["a feed that is gone", { status: 410 }, "answered 410"],
  ["a page", { body: "<html><body>Log in</body></html>" }, "no RSS, Atom or JSON feed"],
  ["nothing", { body: "" }, "no RSS, Atom or JSON feed"],
  ["broken XML", { body: "<rss><channel><item>" }, "no RSS, Atom or JSON feed"],
  [
    "an entity bomb",
    { body: `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]><rss><channel/></rss>` },
    "XML entities",
  ],
])("%s is told as what it is, and forgets nothing", async (_, answer, message) => {
  const { own, peer, titles } = life(rss(A));
  await own.poll();
  peer.answer = answer;
  await expect(own.poll()).rejects.toThrow(message);
  peer.answer = rss(B, A);
  expect(await titles()).toEqual(["B"]);
});

test("the token of the settings is sent", async () => {
  const { own, peer } = life(rss(A), { auth: { bearer: { env: "FEED_TOKEN" } } });
  await own.poll();
  expect(peer.asked[0]?.headers.get("authorization")).toBe("Bearer the secret of FEED_TOKEN");
});

test.each([
  { url: "file:///etc/passwd" },
  { url: "ftp://x/" },
  { initial: "latest:0" },
  { initial: "latest:21" },
  { initial: "all" },
])("settings that cannot work are refused: %o", (settings) => {
  expect(feed.schema.safeParse({ url: URL_OF_FEED, ...settings }).success).toBe(false);
});
