/** A log that grows, in a real browser: followed, left alone and followed again, through a killed dispatcher. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";
import { belowOf, lineOf, logOf, seenLines } from "./log-screen.ts";

let git: GitHost;
let server: HiveProcess;
let browser: Browser;
let gates: string;

beforeAll(async () => {
  git = await startGitHost();
  git.makeRepo("acme/shop.git", { "README.md": "# Shop\n" });
  server = await startHive({ env: { HIVE_WORKERS: "2", HIVE_LEASE_MS: "30000" } });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
  // What the console says while nothing answers belongs to a dispatcher that was killed.
  browser = await startBrowser([/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY_RESPONSE|ERR_NETWORK|503/]);
});
afterAll(async () => {
  await browser?.dispose();
  await Promise.all([server?.dispose(), git?.stop()]);
});

/** A job that prints its thousand lines of each part when that one's gate is opened. */
async function partly(jobId: string, parts: readonly string[]): Promise<(part: string) => void> {
  const gate = (part: string): string => join(gates, `${jobId}-${part}`);
  const script = parts
    .map((part) => `while [ ! -e ${gate(part)} ]; do sleep 0.05; done; seq -f '${part} line %.0f' 1 1000`)
    .join("\n");
  await server.hive.enqueue({ jobId, repo: `${git.server.url}/acme/shop.git`, task: "script", script });
  await until(`${jobId} to be at work`, async () => (await server.hive.get(jobId)).phase === "run");
  return (part) => writeFileSync(gate(part), "");
}

test("who comes late sees everything, follows the end, is left alone when scrolling up, and follows again by button and key", async () => {
  const open = await partly("grows", ["first", "second", "third", "fourth"]);
  open("first");
  await until("the first part", async () => (await logText("grows")).includes("first line 1000"));
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/grows/log" });
  await page.getByText("first line 1000", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Follow", pressed: true }).waitFor();
  expect(await belowOf(page)).toBeLessThan(2);
  open("second");
  await page.getByText("second line 1000", { exact: true }).waitFor();
  expect(await belowOf(page)).toBeLessThan(2);

  await logOf(page).hover();
  await page.mouse.wheel(0, -3_000);
  await page.getByRole("button", { name: "Follow", pressed: false }).waitFor();
  await page.waitForFunction(() => {
    const view = document.querySelector('[role="log"]');
    return view !== null && view.scrollHeight - view.clientHeight - view.scrollTop > 2_900;
  });
  const before = await seenLines(page);
  open("third");
  await page.getByRole("button", { name: "Follow: 1,000 new lines" }).waitFor();
  expect(await seenLines(page)).toEqual(before);
  expect(await axeProblems(page)).toEqual([]);

  await page.getByRole("button", { name: "Follow: 1,000 new lines" }).click();
  await page.getByText("third line 1000", { exact: true }).waitFor();
  await page.mouse.wheel(0, -3_000);
  await page.getByRole("button", { name: "Follow", pressed: false }).waitFor();
  await page.keyboard.press("End");
  await page.getByRole("button", { name: "Follow", pressed: true }).waitFor();
  open("fourth");
  await page.getByText("fourth line 1000", { exact: true }).waitFor();
  await page.getByText("Complete").waitFor();
  await page.keyboard.press("g");
  await lineOf(page, 1).waitFor();
  expect((await seenLines(page))[0]).toBe(1);
});

test("a dispatcher that is killed and started again costs the reader no line and doubles none, also on a phone", async () => {
  const open = await partly("survives", ["first", "second"]);
  const { page } = await browser.visit({
    url: server.url,
    token: server.token,
    path: "/jobs/survives/log",
    viewport: PHONE,
  });
  open("first");
  await page.getByText("first line 1000", { exact: true }).waitFor();
  await server.crash();
  await page.locator("footer").getByText("Connection lost, trying again").waitFor();
  await server.start();
  open("second");
  await page.getByText("second line 1000", { exact: true }).waitFor();
  await page.getByText("Complete").waitFor();
  const whole = await logText("survives");
  const lines = whole.split("\n").length - 1;
  await page.getByText(`${lines.toLocaleString("en-GB")} lines`).waitFor();
  expect(whole.match(/line 1000$/gm)).toHaveLength(2);
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight)).toBe(true);
});

async function logText(jobId: string): Promise<string> {
  return (await server.fetch(`/v1/jobs/${jobId}/logs`)).text();
}
