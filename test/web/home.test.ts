/** The first screen, in a real browser: an empty hive, and one in the middle of a day. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";
import { type LivelyHive, startLivelyHive } from "./lively-hive.ts";

const MINUTE_MS = 60_000;

let empty: HiveProcess;
let lively: LivelyHive;
let browser: Browser;

beforeAll(async () => {
  [empty, lively] = await Promise.all([startHive({ env: { HIVE_WORKERS: "0" } }), startLivelyHive()]);
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.dispose();
  await Promise.all([empty?.dispose(), lively?.dispose()]);
});

const visit = (options: Partial<Parameters<Browser["visit"]>[0]> = {}) =>
  browser.visit({ url: lively.server.url, token: lively.server.token, ...options });
const region = (page: Page, name: string | RegExp) => page.getByRole("region", { name });
const icon = (page: Page) => page.locator('link[rel="icon"]').getAttribute("href");

/** Another job that waits for a person, for one test alone. */
async function ask(jobId: string): Promise<void> {
  await lively.server.hive.enqueue({ jobId, repo: lively.repo("asks/app"), task: "script", script: "true" });
}

test("a hive without a job teaches how to put one in, and shows the first one at once", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page } = await browser.visit({ url: empty.url, token: empty.token, colors });
    await page.getByText(`curl -X POST ${empty.url}/enqueue`).waitFor();
    await page.getByText('npm run hive -- submit --repo https://github.com/you/app "Add a quick start').waitFor();
    await page.getByText("No worker is connected").waitFor();
    expect(await axeProblems(page)).toEqual([]);
    expect(await page.title()).toBe("Hive");
    expect(await icon(page)).toBe("/bee.svg");
    if (colors === "light") continue;
    await empty.hive.enqueue({ jobId: "first", repo: "https://github.com/you/app", task: "script", script: "true" });
    await region(page, "Waiting").getByRole("link", { name: "first", exact: true }).waitFor();
    await page.getByText("No worker is connected. Start one, or set HIVE_WORKERS.").waitFor();
    await page.getByRole("link", { name: "New job" }).first().click();
    await page.waitForURL("**/new");
  }
});

test("everything is there at a glance, in both themes", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page } = await visit({ colors });
    const since = region(page, "In the last 24 hours");
    await since.getByText("1 × script failed, such as").waitFor();
    await since.getByText("No model was paid for.").waitFor();
    await region(page, "Held").getByRole("link", { name: "needs-approval" }).waitFor();
    for (const status of ["1 queued", "1 blocked", "1 scheduled"])
      await region(page, "Waiting").getByRole("link", { name: status }).waitFor();
    await region(page, "Running").getByRole("link", { name: "at-work" }).waitFor();
    await region(page, "Failed").getByRole("link", { name: "red-tests" }).waitFor();
    expect(await region(page, "Failed").getByRole("link", { name: "Failed" }).getAttribute("href")).toBe(
      "/jobs?status=failed",
    );
    await page.getByText("No pool of this server and none of its 2 workers has the label gpu.").waitFor();
    await page.getByRole("heading", { name: "Throughput" }).waitFor();
    expect(await axeProblems(page)).toEqual([]);
  }
});

test("a decision is taken in place, and the tab says what waits until then", async () => {
  await ask("may-it-start");
  const { page } = await visit();
  const needs = region(page, /^Needs you/);
  await page.waitForFunction(() => document.title === "2 decisions · Hive");
  expect(await icon(page)).toContain("data:image/svg+xml");
  await needs.getByRole("button", { name: "Approve may-it-start" }).click();
  await page.getByText("may-it-start may go on.").waitFor();
  await needs.getByRole("link", { name: "may-it-start" }).waitFor({ state: "detached" });
  await region(page, "Succeeded").getByRole("link", { name: "may-it-start" }).waitFor();

  await ask("rather-not");
  await needs.getByRole("button", { name: "Reject rather-not" }).click();
  const dialog = page.getByRole("dialog", { name: "Reject rather-not?" });
  await dialog.getByLabel("Why").fill("not today");
  expect(await axeProblems(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Reject" }).click();
  await page.getByText("rather-not was rejected.").waitFor();
  await page.waitForFunction(() => document.title === "1 decision · Hive");
  expect(await lively.server.hive.get("rather-not")).toMatchObject({ status: "canceled" });
});

test("the comb is gone through by arrows, and says what each worker does", async () => {
  const { page } = await visit();
  const comb = page.getByRole("list", { name: "Comb" });
  const busy = comb.getByRole("button", { name: /at work on at-work/ });
  await busy.waitFor();
  const cells = comb.getByRole("button");
  expect(await cells.count()).toBe(2);
  await cells.first().focus();
  await page.keyboard.press("End");
  const second = await cells.last().textContent();
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(second);
  await page.keyboard.press("ArrowLeft");
  expect(await cells.first().getAttribute("aria-pressed")).toBe("true");
  await busy.click();
  const chosen = page.getByRole("group", { name: "Chosen worker" });
  await chosen.getByRole("link", { name: "at-work" }).waitFor();
  expect(await chosen.getByRole("link").first().getAttribute("href")).toContain("/workers?worker=");
});

test("charts have a table behind them, and a range that stays", async () => {
  const { page } = await visit();
  await page.getByRole("button", { name: "Last hour" }).click();
  const throughput = region(page, "Throughput");
  await throughput.getByText("Table").click();
  const table = throughput.getByRole("region", { name: "Throughput as a table" });
  await expect.poll(() => table.getByRole("row").count()).toBe(61);
  expect(await axeProblems(page)).toEqual([]);
  await page.reload();
  await page.getByRole("button", { name: "Last hour", pressed: true }).waitFor();
  await region(page, "Failures").getByRole("link", { name: "red-tests" }).waitFor();
});

test("what happened since somebody looked is told, from the moment they left after some minutes", async () => {
  const { page } = await visit();
  await page.clock.install({ time: Date.now() - 60 * MINUTE_MS });
  await page.reload();
  await region(page, "In the last 24 hours").waitFor();
  // Only a glance: nothing was read.
  await page.clock.fastForward(MINUTE_MS);
  await page.reload();
  await region(page, "In the last 24 hours").waitFor();
  await page.clock.fastForward(30 * MINUTE_MS);
  await page.reload();
  const since = region(page, /^Since you left/);
  await since.getByText("1 × script failed, such as").waitFor();
  await page.waitForFunction(() => document.title.includes("1 failed"));

  await since.getByRole("button", { name: "All seen" }).click();
  await page.getByText("All seen. It begins anew from now.").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await since.getByText("1 × script failed, such as").waitFor();
});

test("a phone shows one column of the board at a time", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page } = await visit({ viewport: PHONE, colors });
    await region(page, "Running").getByRole("link", { name: "at-work" }).waitFor();
    expect(await region(page, "Failed").isVisible()).toBe(false);
    await page.getByRole("group", { name: "Column" }).getByRole("button", { name: "Failed" }).click();
    await region(page, "Failed").getByRole("link", { name: "red-tests" }).waitFor();
    expect(await region(page, "Running").isVisible()).toBe(false);
    await page.getByRole("heading", { name: "Throughput" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    expect(await axeProblems(page)).toEqual([]);
  }
});

test("the board moves by itself when a job does", async () => {
  const { page } = await visit();
  await region(page, "Running").getByRole("link", { name: "at-work" }).waitFor();
  lively.open("at-work");
  await region(page, "Succeeded").getByRole("link", { name: "at-work" }).waitFor();
  await region(page, "Succeeded").getByRole("link", { name: "after-that" }).waitFor();
  await region(page, "Running").getByText("Nothing runs.").waitFor();
});
