/** Feeds from a real nginx: what is news, what is not, and what a hostile server gets for its trouble. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NginxServer, startNginx } from "../peers/nginx.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { groupsOf, IDLE_JOB, jobsOf, untilGood, untilGroups, untilJobs, untilTrouble } from "./sources-hive.ts";
import { until } from "./until.ts";

const LOCATIONS = `
  location = /slow.xml { limit_rate 10; }
  location = /secrets.xml { return 302 http://169.254.169.254/latest/meta-data/; }
  location = /file.xml { return 302 file:///etc/passwd; }
  location = /busy.xml { add_header Retry-After 3600 always; return 503; }
  location = /moved.xml { return 301 /there.xml; }
`;
/** Each is a file that nginx serves, and a source. */
const FEEDS = [
  "rss",
  "atom",
  "json",
  "bare",
  "twins",
  "bomb",
  "large",
  "slow",
  "secrets",
  "file",
  "busy",
  "page",
  "moved",
];

let nginx: NginxServer;
let server: HiveProcess;

interface Item {
  readonly id?: string;
  readonly title: string;
  readonly link?: string;
}

const formats: Readonly<Record<string, (items: readonly Item[]) => string>> = {
  rss: (items) =>
    `<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>${items
      .map(
        ({ id, title, link }) =>
          `<item>${id === undefined ? "" : `<guid isPermaLink="false">${id}</guid>`}<title>${title}</title>${
            link === undefined ? "" : `<link>${link}</link>`
          }</item>`,
      )
      .join("")}</channel></rss>`,
  atom: (items) =>
    `<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><id>f</id>${items
      .map(({ id = "", title }) => `<entry><id>${id}</id><title>${title}</title></entry>`)
      .join("")}</feed>`,
  json: (items) => JSON.stringify({ version: "https://jsonfeed.org/version/1.1", title: "News", items }),
};

function publish(name: string, items: readonly Item[], format = "rss"): void {
  nginx.write(name === "json" ? "json.json" : `${name}.xml`, formats[format]?.(items) ?? "");
}

/** How often nginx answered this request so. */
function answered(line: string): number {
  return nginx.log().filter((one) => one === line).length;
}

/** Two whole looks from now: the first may have begun before. */
async function looks(name: string): Promise<void> {
  const path = name === "json" ? "/json.json" : `/${name}.xml`;
  const before = nginx.log().filter((line) => line.includes(` ${path} `)).length;
  await until(
    `two looks at ${name}`,
    () => nginx.log().filter((line) => line.includes(` ${path} `)).length >= before + 2,
  );
}

const OLD = { id: "old", title: "Old", link: "http://news.example/old" };
const NEW = { id: "new", title: "New", link: "http://news.example/new" };

beforeAll(async () => {
  nginx = await startNginx(LOCATIONS);
  for (const format of ["rss", "atom", "json"]) publish(format, [OLD], format);
  publish("bare", [{ title: "Old", link: "http://news.example/a?utm_source=x" }]);
  publish("twins", [OLD]);
  publish("there", [OLD]);
  publish(
    "slow",
    Array.from({ length: 50 }, () => OLD),
  );
  nginx.write("page.xml", "<html><body>Log in</body></html>");
  nginx.write("large.xml", Buffer.alloc(50_000_000, "<item>"));
  const levels = Array.from({ length: 20 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`);
  nginx.write(
    "bomb.xml",
    `<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">${levels.join("")}]><rss version="2.0"><channel><title>&l20;</title></channel></rss>`,
  );
  const lines = FEEDS.map((name) => {
    const url = `${nginx.url}/${name === "json" ? "json.json" : `${name}.xml`}`;
    return `  ${name}: { type: feed, url: "${url}", every: 1s, limits: { perHour: null }, job: ${IDLE_JOB} }`;
  });
  server = await startHive({
    yaml: `sources:\n${lines.join("\n")}\n`,
    env: { HIVE_WORKERS: "0", HIVE_AGENT: "demo", HIVE_ALLOW_UNISOLATED: "1", HIVE_ALLOW_PRIVATE_ADDRESSES: "" },
  });
});
afterAll(async () => {
  await server?.dispose();
  await nginx?.dispose();
});

test.each(["rss", "atom", "json"])(
  "%s: the first look is no news, an item is one job, an edit is none",
  async (name) => {
    await looks(name);
    expect(await groupsOf(server, name)).toEqual([]);
    publish(name, [NEW, OLD], name);
    const [job] = await untilJobs(server, name, 1);
    publish(name, [{ ...NEW, title: "New, corrected" }, OLD], name);
    const [group] = await untilGroups(server, name, ([one]) => one?.title === "New, corrected");
    expect(group).toMatchObject({ job: { id: job?.jobId } });
    expect(await jobsOf(server, name)).toHaveLength(1);
  },
);

test("nginx is asked only for what changed", async () => {
  await until("304", () => answered("GET /rss.xml 304") >= 2);
  expect(answered("GET /rss.xml 200")).toBeLessThanOrEqual(3);
});

test("items without ids are told apart by their links, items of one id too", async () => {
  await looks("bare");
  publish("bare", [
    { title: "New", link: "http://news.example/b" },
    { title: "Old", link: "http://news.example/a?utm_source=y#top" },
  ]);
  await looks("twins");
  publish("twins", [{ ...OLD, title: "Twin", link: "http://news.example/twin" }, OLD]);
  expect((await untilJobs(server, "bare", 1)).length).toBe(1);
  expect((await untilJobs(server, "twins", 1)).length).toBe(1);
  await looks("bare");
  await looks("twins");
  expect((await groupsOf(server, "bare")).map(({ title }) => title)).toEqual(["New"]);
  expect((await groupsOf(server, "twins")).map(({ title }) => title)).toEqual(["Twin"]);
});

test.each([
  ["bomb", "XML entities"],
  ["large", "larger than 5242880 bytes"],
  ["slow", "within 20000 ms"],
  ["secrets", "169.254.169.254"],
  ["file", "must begin with https:// or http://"],
  ["page", "no RSS, Atom or JSON feed"],
  ["busy", "asks for 3600 s of rest"],
])("%s: the source's health says what is wrong, and no job comes of it", async (name, message) => {
  const said = await untilTrouble(server, name, message);
  expect(said).not.toContain("root:");
  expect(await groupsOf(server, name)).toEqual([]);
});

test("a feed that moved within its server is read where it is, and a server that asks for rest gets it", async () => {
  await untilGood(server, "moved");
  expect(answered("GET /busy.xml 503")).toBe(1);
});
