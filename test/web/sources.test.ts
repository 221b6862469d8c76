/** Sources in a real browser: what was received, what was made of it, what a person decides; and that what was said from outside stays text. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { IDLE_JOB, untilGroups } from "../e2e/sources-hive.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

const HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe";

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({
    env: { HIVE_WORKERS: "0", HIVE_ALLOW_UNISOLATED: "1" },
    yaml: `sources:
  ci:
    { type: generic, auth: none, title: title, text: text, link: link, fields: { branch: branch }, when: 'branch != "draft"',
      limits: { perHour: 1 }, job: ${IDLE_JOB} }
  silent: { type: generic, auth: none, title: title, job: ${IDLE_JOB} }
  broken: { type: feed, url: "http://127.0.0.1:9/feed.xml", every: 5m, job: ${IDLE_JOB} }
`,
  });
  const events = [
    { title: "Build of main is red", text: "expected 2, got 3", branch: "main", link: "https://ci.example/1" },
    { title: HOSTILE, text: `${HOSTILE}\n${"long ".repeat(1_200)}`, branch: "main", link: "javascript:alert(3)" },
    { title: "A draft", text: "nothing", branch: "draft" },
  ];
  for (const event of events) await post("ci", JSON.stringify(event));
  await post("ci", "this is no JSON");
  await untilGroups(server, "ci", (groups) => groups.length === 2 && groups.some(({ stage }) => stage === "held"));
  browser = await startBrowser([/422/]);
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

async function post(source: string, body: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const { status } = await fetch(`${server.url}/hooks/${source}`, { method: "POST", headers, body });
  expect(status).toBe(202);
}

test("the list has the funnel and the health of each source", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page, context } = await browser.visit({ url: server.url, token: server.token, path: "/sources", colors });
    const ci = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "ci", exact: true }) });
    await ci.getByText("1 left out by when").waitFor();
    const broken = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "broken" }) });
    await broken.getByText("trouble").waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await context.close();
  }
});

test("what was said from outside is shown as text, cut, and leads nowhere it should not", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page, context } = await browser.visit({
      url: server.url,
      token: server.token,
      path: "/sources/ci",
      colors,
    });
    const groups = page.getByRole("region", { name: "Groups", exact: true });
    await groups.getByRole("button", { name: /onerror/ }).click();
    const sample = groups.getByRole("group", { name: "Sample 1" });
    await sample.getByText("<script>alert(2)</script>").waitFor();
    // An address that is no address of the web is nowhere at all.
    expect(await groups.locator('a[href^="javascript"]').count()).toBe(0);
    expect(await page.locator("main img[src='x'], main script").count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    expect(await axeProblems(page)).toEqual([]);
    await context.close();
  }
});

test("a group is muted, unmuted, released and resolved", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/sources/ci" });
  const groups = page.getByRole("region", { name: "Groups", exact: true });
  const red = groups.getByRole("listitem").filter({ hasText: "Build of main is red" });
  await red.getByRole("button", { name: "Mute" }).click();
  await page.getByLabel("How long").selectOption("for a day");
  await page.getByLabel("Why").fill("known since Monday");
  await page.getByRole("button", { name: "Mute it" }).click();
  await red.getByText(/Muted by api .*known since Monday/).waitFor();
  await red.getByRole("button", { name: "Unmute" }).click();
  await red.getByRole("button", { name: "Mute", exact: true }).waitFor();

  await page.keyboard.press("2");
  const held = page.getByRole("region", { name: "Held back" });
  await held.getByText(/as many jobs as may were made this hour/).waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await held.getByRole("button", { name: "Release" }).click();
  await page.getByRole("button", { name: "Release it" }).click();
  await held.getByText("Nothing is held back").waitFor();

  await page.getByRole("link", { name: "Groups", exact: true }).click();
  await red.getByRole("button", { name: "Resolve" }).click();
  await page.getByRole("button", { name: "Resolve it" }).click();
  await expect
    .poll(async () => (await untilGroups(server, "ci", () => true)).find(({ title }) => title.includes("red"))?.stage)
    .toBe("resolved");
});

test("deliveries say what came of each and are replayed; one that could not be read says why", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/sources/ci?part=deliveries" });
  const deliveries = page.getByRole("region", { name: "Deliveries" });
  const failed = deliveries.getByRole("listitem").filter({ hasText: "failed" });
  await failed.first().waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await failed.getByRole("button", { name: /^Replay/ }).click();
  await failed.getByText("replayed 1 times").waitFor();
  await page.getByLabel("In which state").selectOption("processed");
  await failed.waitFor({ state: "detached" });
  const link = deliveries.getByRole("link").first();
  await link.click();
  await page.getByRole("button", { expanded: true }).waitFor();
});

test("a dry run says what a pasted sample would be, with the keyboard alone, and keeps nothing", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/sources/silent" });
  await page.getByText("Nothing found yet").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.keyboard.press("4");
  await page.getByLabel("Sample").focus();
  await page.keyboard.insertText(JSON.stringify({ title: HOSTILE }));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const said = page.getByRole("region", { name: "What it would be" });
  await said.getByText("becomes a job").waitFor();
  await said
    .getByText(/onerror=alert/)
    .first()
    .waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.getByLabel("Sample").fill("no JSON");
  await page.getByRole("button", { name: "What would it be?" }).click();
  await page.getByRole("alert").waitFor();
  expect(await untilGroups(server, "silent", () => true)).toEqual([]);
});

test("nothing is wider than a phone", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/sources", viewport: PHONE });
  for (const path of ["/sources", "/sources/ci", "/sources/ci?part=deliveries", "/sources/ci?part=try"]) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(PHONE.width);
    expect(await axeProblems(page), path).toEqual([]);
  }
});

test("without sources the screen has the lines for hive.yaml", async () => {
  const empty = await startHive({ env: { HIVE_WORKERS: "0", HIVE_ALLOW_UNISOLATED: "1" } });
  try {
    const { page, context } = await browser.visit({ url: empty.url, token: empty.token, path: "/sources" });
    await page.getByText("No sources yet").waitFor();
    await page.getByText("type: alertmanager").waitFor();
    expect(await axeProblems(page)).toEqual([]);
    for (const [path, words] of [
      ["/schedules", "No schedules yet"],
      ["/schedules/calendar", "No schedules yet"],
      ["/callbacks", "No callbacks yet"],
    ] as const) {
      await page.goto(path);
      await page.getByText(words).waitFor();
      expect(await axeProblems(page), path).toEqual([]);
    }
    await context.close();
  } finally {
    await empty.dispose();
  }
});
