/** The list of jobs, in a real browser before a real server. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

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
  // What the console says of an action that the server refused.
  browser = await startBrowser([/status of 409/]);
  await put("shop", 300);
  await put("site", 20, { repo: SITE });
  await put("later", 5, { repo: SITE, runAt: LATER });
});
afterAll(async () => {
  try {
    await browser?.dispose();
  } finally {
    await server?.dispose();
  }
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

async function visit(path: string, more: object = {}): Promise<Page> {
  const { page } = await browser.visit({ url: server.url, token: server.token, path, ...more });
  await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  return page;
}

test("new jobs are counted and do not push the rows; those that changed say so", async () => {
  const page = await visit(`/jobs?repo=${encodeURIComponent(SITE)}`);
  await page.getByText("25 jobs, that is all").waitFor();
  await page.getByText("Live").first().waitFor();
  const top = await page.getByRole("row", { name: /later-4/ }).boundingBox();
  await put("fresh", 2, { repo: SITE });
  await page.getByRole("button", { name: "2 new" }).waitFor();
  expect(await page.getByRole("row", { name: /later-4/ }).boundingBox()).toEqual(top);
  expect(await page.getByRole("row", { name: /fresh-1/ }).count()).toBe(0);
  await page.keyboard.press("n");
  await page.getByRole("row", { name: /fresh-1/ }).waitFor();
  await page.getByRole("button", { name: /new$/ }).waitFor({ state: "detached" });

  await page.getByRole("link", { name: /^queued/ }).click();
  await page.getByText("22 jobs, that is all").waitFor();
  await server.hive.cancel("fresh-0");
  await page
    .getByRole("row", { name: /fresh-0/ })
    .getByText("canceled")
    .waitFor();
  await page.getByRole("button", { name: "1 changed" }).click();
  await page.getByText("21 jobs, that is all").waitFor();
});

test("what is done in bulk is counted first and done to exactly what matches", async () => {
  await put("bulk", 130, { repo: "https://github.com/acme/bulk" });
  await server.hive.cancel("bulk-7");
  const page = await visit(`/jobs?status=queued&repo=${encodeURIComponent("https://github.com/acme/bulk")}`);
  await page.getByText("129 jobs, that is all").waitFor();
  await page.getByRole("button", { name: "All that match…" }).click();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByText("Exactly 129 jobs.").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect((await server.hive.list({ status: "canceled", repo: "https://github.com/acme/bulk" })).jobs).toHaveLength(1);
  // It came after the count.
  await put("too-late", 1, { repo: "https://github.com/acme/bulk" });
  await page.getByRole("button", { name: "Cancel 129 jobs" }).click();
  await page.getByText(/^129 jobs canceled$/).waitFor();
  expect((await server.hive.get("too-late-0")).status).toBe("queued");
  expect((await server.hive.get("shop-0")).status).toBe("queued");
  expect((await server.hive.list({ status: "queued", repo: "https://github.com/acme/bulk" })).jobs).toHaveLength(1);
});

test("selected jobs are acted on, and those that were skipped are named with the reason", async () => {
  const repo = "https://github.com/acme/again";
  await put("again", 5, { repo });
  for (const n of [0, 1, 2, 3]) await server.hive.cancel(`again-${n}`);
  const page = await visit(`/jobs?repo=${encodeURIComponent(repo)}&order=oldest`);
  await page.getByLabel("Select again-0").check();
  await page.getByLabel("Select again-4").click({ modifiers: ["Shift"] });
  const bar = page.getByRole("group", { name: "Selected jobs" });
  await bar.getByText("5 selected").waitFor();
  await bar.getByRole("button", { name: "Cancel 1", exact: true }).waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await bar.getByRole("button", { name: "Retry 4" }).click();
  await page.getByText("Exactly 4 jobs.").waitFor();
  await server.hive.retry("again-1");
  await page.getByRole("button", { name: "Retry 4 jobs" }).click();
  await page.getByText("3 of 4 jobs retried, 1 skipped.").waitFor();
  expect(await page.getByLabel("Skipped jobs").textContent()).toContain("again-1");
  await page.getByRole("button", { name: "Close" }).last().click();
  expect((await server.hive.list({ status: "queued", repo })).jobs).toHaveLength(5);
});

test("a view gets a name, comes back after a reload and goes again, with a way back", async () => {
  const page = await visit("/jobs?status=scheduled&order=oldest");
  await page.getByRole("button", { name: "Save this view" }).click();
  await page.getByLabel("Name").fill("<b>Later</b> \u202efirst");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "all", exact: true }).click();
  await page.reload();
  const view = page.getByRole("list", { name: "Saved views" }).getByRole("link");
  expect(await view.textContent()).toBe("<b>Later</b> \u202efirst");
  await view.click();
  await page.getByRole("button", { name: "Oldest first" }).waitFor();
  expect(new URL(page.url()).search).toBe("?status=scheduled&order=oldest");
  await page.getByRole("button", { name: /^Remove the view/ }).click();
  await view.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Undo" }).click();
  await view.waitFor();
});

test("with the keyboard alone a job is found, selected, canceled and opened", async () => {
  const page = await visit(`/jobs?repo=${encodeURIComponent(SITE)}&status=queued`);
  await page.getByRole("row", { name: /site-19/ }).waitFor();
  for (const key of ["j", "j", "j", "k"]) await page.keyboard.press(key);
  const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement?.textContent ?? null);
  const jobId = (await focused()) ?? "";
  expect(jobId).toMatch(/^site-/);
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("m");
  const menu = page.getByRole("menu", { name: `Actions for ${jobId}` });
  await menu.waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.keyboard.press("c");
  await page.keyboard.press("Enter");
  const confirm = page.getByRole("button", { name: "Cancel 1 job" });
  await confirm.waitFor();
  await confirm.focus();
  await page.keyboard.press("Enter");
  await page.getByText(/^1 job canceled$/).waitFor();
  expect((await server.hive.get(jobId)).status).toBe("canceled");

  await page.keyboard.press("j");
  const next = (await focused()) ?? "";
  const link = page.getByRole("link", { name: next, exact: true });
  expect(await link.getAttribute("href")).toBe(`/jobs/${next}`);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/jobs/${next}`);
});

test("on a phone and in the dark the jobs are cards, as many as there are", async () => {
  const page = await visit("/jobs", { viewport: PHONE, colors: "dark" });
  const list = page.getByRole("list", { name: "Jobs" });
  await list.getByRole("listitem").first().waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  // To the first job that was ever put in, far below.
  for (
    let round = 0;
    round < 200 && (await page.getByRole("link", { name: "shop-0", exact: true }).count()) === 0;
    round += 1
  ) {
    await page.evaluate(() => scrollTo({ top: document.documentElement.scrollHeight }));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
  await page.getByRole("link", { name: "shop-0", exact: true }).click();
  await page.waitForURL("**/jobs/shop-0");
});

test("a server without jobs says how the first one comes", async () => {
  const empty = await startHive({ env: { HIVE_WORKERS: "0" } });
  try {
    const { page } = await browser.visit({ url: empty.url, token: empty.token, path: "/jobs", colors: "dark" });
    await page.getByText("No jobs yet").waitFor();
    expect(await page.getByText(/curl -X POST/).textContent()).toContain(`${empty.url}/enqueue`);
    expect(await axeProblems(page)).toEqual([]);
    await empty.hive.enqueue({ jobId: "first", repo: SHOP, task: "script", script: "true" });
    await page.getByRole("row", { name: /first/ }).waitFor();
    await page.context().close();
  } finally {
    await empty.dispose();
  }
});
