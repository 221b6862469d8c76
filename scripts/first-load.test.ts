// The pages as they are built: small enough that the first one is there at once, and nothing in them that the policy of
// the dispatcher would refuse.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bundleWebUi } from "./web-ui.ts";

/** Bytes, packed with gzip. */
const FIRST_LOAD = 200_000;

let dist: string;
let page: string;
beforeAll(async () => {
  dist = mkdtempSync(join(tmpdir(), "hive-pages-"));
  await bundleWebUi(dist);
  page = readFileSync(join(dist, "index.html"), "utf8");
}, 120_000);
afterAll(() => rmSync(dist, { recursive: true, force: true }));

/** The page, and every script and style that it or one of those names outright: what a browser loads before the first screen. */
function firstLoad(): readonly string[] {
  const named = [...page.matchAll(/(?:src|href)="\/([^"]+)"/g)].map(([, path = ""]) => path);
  const all = new Set(["index.html", ...named]);
  for (const path of all) {
    if (!path.endsWith(".js")) continue;
    const code = readFileSync(join(dist, path), "utf8");
    // Not `import("./…")`: that is loaded when it is gone to.
    for (const [, name = ""] of code.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([^"']+)["']/g)) all.add(`assets/${name}`);
  }
  return [...all];
}

it("the first load is at most 200 kB", () => {
  const files = firstLoad();
  expect(files.filter((path) => path.endsWith(".js")).length).toBeGreaterThan(0);
  expect(files.filter((path) => path.endsWith(".css")).length).toBeGreaterThan(0);
  const sizes = files.map((path) => [path, gzipSync(readFileSync(join(dist, path))).length] as const);
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  expect(sum, `packed: ${JSON.stringify(Object.fromEntries(sizes))}`).toBeLessThanOrEqual(FIRST_LOAD);
});

it("screens come when they are gone to", () => {
  const first = firstLoad();
  const scripts = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".js"));
  expect(scripts.filter((name) => !first.includes(`assets/${name}`)).length).toBeGreaterThan(5);
});

it("no schema library is in them: the server checks, and the pages show what it says", () => {
  const scripts = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".js"));
  const withZod = scripts.filter((name) => /ZodError|\$ZodType/.test(readFileSync(join(dist, "assets", name), "utf8")));
  expect(withZod).toEqual([]);
});

it("there is no script, style or address in the page that its policy refuses", () => {
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=/i);
  for (const [tag] of page.matchAll(/<script[^>]*>/g)) expect(tag).toMatch(/ src="\/assets\//);
  for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^\/[^/]/);
  const styles = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".css"));
  for (const name of styles)
    expect(readFileSync(join(dist, "assets", name), "utf8")).not.toMatch(/url\(\s*["']?https?:/);
});
