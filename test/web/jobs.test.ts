/** The list of jobs, in a real browser before a real server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, startBrowser } from "./browser.ts";

const SHOP = "https://github.com/acme/shop";
const SITE = "https://github.com/acme/site";
const LATER = new Date(Date.now() + 86_400_000).toISOString();

let server: HiveProcess;
let browser: Browser;

/** Puts jobs in that nobody takes: there are no workers. */
async function put(
  prefix: string,
  count: number,
  more: { readonly repo?: string; readonly runAt?: string } = {},
): Promise<void> {
  await server.hive.enqueueAll(
    Array.from({ length: count }, (_, n) => ({
      jobId: `${prefix}-${n}`,
      repo: SHOP,
      task: "script" as const,
      script: "true",
      ...more,
    })),
  );
}

beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "0" } });
  browser = await startBrowser();
  await put("shop", 300);
  await put("site", 20, { repo: SITE });
  await put("later", 5, { repo: SITE, runAt: LATER });
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

test("filters stand in the address, survive a reload, and a bad one is dropped", async () => {
  const { page } = await browser.visit({
    url: server.url,
    token: server.token,
    path: "/jobs?status=asleep&order=up&repo=",
  });
  await page.getByRole("row", { name: /later-4/ }).waitFor();
  expect(new URL(page.url()).search).toBe("");
  expect(await axeProblems(page)).toEqual([]);

  const status = page.getByRole("navigation", { name: "Status" });
  await status.getByRole("link", { name: "scheduled 5" }).click();
  await page.getByText("5 jobs, that is all").waitFor();
  await status.getByRole("link", { name: "queued 320" }).click();
  await page.getByRole("row", { name: /site-19/ }).waitFor();
  await page.getByLabel("Repository").fill("https://github.com/acme/site.git");
  await page.keyboard.press("Enter");
  await page.getByText("20 jobs, that is all").waitFor();
  await page.getByRole("button", { name: "Newest first" }).click();
  await page.getByRole("button", { name: "Oldest first" }).waitFor();
  await page.reload();
  await page.getByText("20 jobs, that is all").waitFor();
  expect(await page.getByRole("row").nth(1).textContent()).toContain("site-0");
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({
    status: "queued",
    repo: "https://github.com/acme/site.git",
    order: "oldest",
  });
});
