import { expect, test } from "vitest";
import { readFeed } from "./feed-items.ts";
import { decodeFeed, plainText } from "./feed-text.ts";

const BASE = "https://news.example/blog/feed.xml";
const ITEM = {
  id: "urn:1",
  link: "https://news.example/blog/1",
  title: "Release 2 & more",
  text: "Fixes a hole.\nUpdate now.",
  at: Date.parse("2026-11-23T10:00:00Z"),
  author: "Ada",
  categories: ["security", "release"],
};

test.each([
  [
    "RSS 2.0",
    `<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>News</title><item>
      <title>Release 2 &amp;amp; more</title><link>1</link><guid isPermaLink="false">urn:1</guid>
      <description>&lt;p&gt;Fixes a &lt;b&gt;hole&lt;/b&gt;.&lt;/p&gt;Update now.</description>
      <pubDate>Mon, 23 Nov 2026 10:00:00 GMT</pubDate><dc:creator>Ada</dc:creator>
      <category>security</category><category>release</category></item></channel></rss>`,
  ],
  [
    "RSS 1.0",
    `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
       xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>News</title></channel>
      <item rdf:about="urn:1"><title>Release 2 &amp;amp; more</title><link>/blog/1</link>
      <description>Fixes a hole.&lt;br&gt;Update now.</description><dc:date>2026-11-23T10:00:00Z</dc:date>
      <dc:creator>Ada</dc:creator><dc:subject>security</dc:subject><dc:subject>release</dc:subject></item></rdf:RDF>`,
  ],
  [
    "Atom",
    `<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><id>f</id><entry><id>urn:1</id>
      <title type="html">Release 2 &amp;amp; more</title><link rel="enclosure" href="/x.zip"/><link href="1"/>
      <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Fixes a hole.</p>Update now.</div></content>
      <published>2026-11-23T10:00:00Z</published><updated>2026-11-23T12:00:00Z</updated>
      <author><name>Ada</name></author><category term="security"/><category term="r" label="release"/></entry></feed>`,
  ],
  [
    "JSON Feed",
    JSON.stringify({
      version: "https://jsonfeed.org/version/1.1",
      title: "News",
      items: [
        {
          id: "urn:1",
          url: "https://news.example/blog/1",
          title: "Release 2 & more",
          content_html: "<p>Fixes a hole.</p><script>alert(1)</script>Update now.",
          date_published: "2026-11-23T11:00:00+01:00",
          authors: [{ name: "Ada" }],
          tags: ["security", "release"],
        },
      ],
    }),
  ],
])("%s says the same as the others", (_, text) => {
  expect(readFeed(text, BASE, 10)).toEqual({ title: "News", items: [ITEM] });
});

test("an old feed with a document type is read, one with entities of its own is not", () => {
  const old = `<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>Old</title></channel></rss>`;
  expect(readFeed(old, BASE, 10).title).toBe("Old");
  expect(() => readFeed(old.replace("PUBLIC", '[<!entity a "b">] PUBLIC'), BASE, 10)).toThrow("XML entities");
});

test("links that no browser should follow are none", () => {
  for (const link of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://"]) {
    const feed = JSON.stringify({
      version: "https://jsonfeed.org/version/1",
      items: [{ id: "1", url: link, title: "x" }],
    });
    expect(readFeed(feed, BASE, 10).items[0]?.link).toBe("");
  }
});

test("a document of very many items is read up to the limit", () => {
  const text = `<rss version="2.0"><channel>${"<item><title>a</title></item>".repeat(50)}</channel></rss>`;
  expect(readFeed(text, BASE, 20).items).toHaveLength(20);
});

test("bytes are read in the encoding that the mark, the answer or the document names", () => {
  const xml = (encoding: string) => `<?xml version="1.0" encoding="${encoding}"?><a>grüße</a>`;
  const latin = Buffer.from(xml("iso-8859-1"), "latin1");
  expect(decodeFeed(latin, null)).toContain("grüße");
  expect(decodeFeed(Buffer.from(xml("iso-8859-1"), "utf8"), "text/xml; charset=UTF-8")).toContain("grüße");
  expect(decodeFeed(Buffer.from(`\ufeff${xml("utf-8")}`, "utf16le"), null)).toContain("grüße");
  expect(decodeFeed(Buffer.from(xml("utf-8"), "utf8"), "text/xml; charset=no-such-thing")).toContain("grüße");
  expect(decodeFeed(Buffer.from([0x61, 0xff, 0x62]), null)).toBe("a\ufffdb");
});

test("markup becomes words, and what looks like markup and is none stays", () => {
  expect(plainText("<p>a</p><!-- hidden --><style>x{}</style >b &#x41;&#66; &amp;lt; 1 < 2 && 3 > 2")).toBe(
    "a\nb AB &lt; 1 < 2 && 3 > 2",
  );
  expect(plainText("a<script>never ends")).toBe("a");
});
