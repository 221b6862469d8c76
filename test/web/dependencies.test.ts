/** The graph of jobs that wait for each other, in a real browser and with real jobs. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";
import { type LivelyHive, startLivelyHive } from "./lively-hive.ts";

let lively: LivelyHive;
let browser: Browser;

/** As long as ids may be, and of every sign they may have. */
const HOSTILE = `constructor.${"x:-_".repeat(29)}`.slice(0, 128);

beforeAll(async () => {
  lively = await startLivelyHive();
  // What the console says of an answer with 404 belongs to a job that is not there.
  browser = await startBrowser([/404/]);
  const { hive } = lively.server;
  const script = { repo: lively.repo("acme/site"), task: "script" as const, script: "true" };
  await hive.enqueue({ ...script, jobId: "at-last", dependsOn: ["after-that"], role: "tester" });
  await hive.enqueue({ ...script, jobId: HOSTILE, dependsOn: ["tomorrow"], labels: ["constructor=../x"] });
  await hive.enqueue({
    jobId: "best",
    repo: lively.repo("acme/shop"),
    task: "agent",
    instructions: "Write a page about bees",
    candidates: 2,
    dependsOn: ["tomorrow"],
  });
});
afterAll(async () => {
  await browser?.dispose();
  await lively?.dispose();
});

const visit = async (more: object = {}): Promise<Page> =>
  (await browser.visit({ url: lively.server.url, token: lively.server.token, path: "/dependencies", ...more })).page;

/** A job in the list, in words. */
const row = (page: Page, jobId: string) =>
  page.getByRole("listitem").filter({ has: page.getByRole("button", { name: jobId, exact: true }) });
/** The same in the drawing. */
const node = (page: Page, jobId: string) => page.locator(`.react-flow__node[data-id="${jobId}"]`);

test("what waits is drawn and listed with what it waits for, hostile ids and candidates too, and axe finds nothing", async () => {
  const page = await visit();
  await row(page, "after-that").getByText("waits for at-work").waitFor();
  await node(page, "after-that").waitFor();
  await row(page, HOSTILE).getByText("waits for tomorrow").waitFor();
  await node(page, HOSTILE).waitFor();
  await page.getByText("2 candidates for best").waitFor();
  await row(page, "best").getByText("waits for best.1, best.2").waitFor();
  expect(await page.locator(".react-flow__edge").count()).toBeGreaterThanOrEqual(7);
  expect(await axeProblems(page)).toEqual([]);
  const dark = await visit({ colors: "dark" });
  await node(dark, "after-that").waitFor();
  expect(await axeProblems(dark)).toEqual([]);
});

test("the family of one job is shown alone, found by its address, and a job that is not there in the server's words", async () => {
  const page = await visit();
  await row(page, "best.2").getByRole("button").click();
  await row(page, "best.2").getByText("A candidate for best.").waitFor();
  await page.getByRole("link", { name: "Only its family" }).click();
  await page.getByText("The family of best.2.").waitFor();
  await row(page, "at-work").waitFor({ state: "detached" });
  await row(page, "tomorrow").waitFor();
  expect(page.url()).toContain("job=best.2");
  await page.getByRole("link", { name: "All that waits" }).click();
  await row(page, "at-work").waitFor();

  const lost = await visit({ path: "/dependencies?job=no-such-job" });
  await lost.getByText("There is no job no-such-job").waitFor();
});

test("with the keys alone a job is found, chosen in the picture, and opened", async () => {
  const page = await visit();
  await row(page, "at-work").waitFor();
  await page.keyboard.press("j");
  const first = await page.evaluate(() => document.activeElement?.textContent ?? "");
  await page.keyboard.press("Enter");
  await row(page, first).getByRole("link", { name: "Open the job" }).waitFor();
  for (const key of ["f", "+", "-", "l"]) await page.keyboard.press(key);
  await page.getByRole("button", { name: "Follow what runs", pressed: true }).waitFor();
  await page.keyboard.press("o");
  await page.waitForURL(`**/jobs/${first}`);
});

test("on a phone the picture and the list are one below the other, and nothing is wider than the screen", async () => {
  const page = await visit({ viewport: PHONE });
  await node(page, "after-that").waitFor();
  await row(page, "at-last").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  expect(await axeProblems(page)).toEqual([]);
});

test("a chain of jobs is watched live to its end: each turns as it runs, and its line waits no more", async () => {
  const page = await visit({ path: "/dependencies?job=at-work" });
  await row(page, "at-work").getByText("running").waitFor();
  await row(page, "at-last").getByText("blocked").waitFor();
  lively.open("at-work");
  await row(page, "after-that").getByText("came after at-work").waitFor();
  await row(page, "at-last").getByText("came after after-that").waitFor();
  for (const jobId of ["at-work", "after-that", "at-last"]) {
    await row(page, jobId).getByText("succeeded").waitFor();
    await node(page, jobId).getByText("succeeded").waitFor();
  }
});

test("hundreds of jobs stay usable: drawn within seconds, found in the list, gone to in the picture", async () => {
  const script = { repo: lively.repo("acme/site"), task: "script" as const, script: "true" };
  const jobs = Array.from({ length: 400 }, (_, n) => ({
    ...script,
    jobId: `many-${n}`,
    dependsOn: [n < 8 ? "tomorrow" : `many-${Math.floor(n / 4)}`],
  }));
  await lively.server.hive.enqueueAll(jobs);
  const page = await visit();
  await row(page, "many-399").waitFor();
  const begun = performance.now();
  await page.getByLabel("Find in the list").fill("many-399");
  await row(page, "many-398").waitFor({ state: "detached" });
  await row(page, "many-399").getByRole("button").click();
  await node(page, "many-399").waitFor();
  expect(performance.now() - begun).toBeLessThan(15_000);
  // Close enough to be read, so most of the others are not in sight and not in the page.
  await page.waitForFunction(() => document.querySelectorAll(".react-flow__node").length < 200);
  await page.keyboard.press("Escape");
});
