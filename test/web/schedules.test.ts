/** Schedules and their calendar, in a real browser: a person makes one, looks at what comes and was, and decides. */
import type { ScheduleSpec } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

const JOB = `{ repo: "https://git.example/acme/app.git", task: test, labels: [nobody] }`;
const job: ScheduleSpec["job"] = { repo: "https://git.example/acme/app.git", task: "test", labels: ["nobody"] };
const HOUR_MS = 3_600_000;

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({
    env: { HIVE_WORKERS: "0", HIVE_ALLOW_UNISOLATED: "1" },
    yaml: `schedules:
  from-file: { cron: "30 2 * * *", timezone: America/New_York, job: ${JOB} }
`,
  });
  await server.hive.schedules.put("hourly", { every: "1h", overlap: "skip", job });
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const iso = (hours: number): string => new Date(hour + hours * HOUR_MS).toISOString();
  // The second waits for the first job, which nobody works on.
  await server.hive.schedules.backfill("hourly", { from: iso(-3), to: iso(-2), overlap: "skip" });
  // What the console says of an answer that refuses belongs to a wrong form.
  browser = await startBrowser([/4(04|09|22)/]);
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

test("the list says when each comes next in both zones, how the last went, and which stands in hive.yaml", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page, context } = await browser.visit({ url: server.url, token: server.token, path: "/schedules", colors });
    const file = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "from-file" }) });
    await file.getByText("at 02:30 (America/New_York)").waitFor();
    await file.getByText(/02:30 in America\/New_York/).waitFor();
    await file.getByText("hive.yaml").waitFor();
    const hourly = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "hourly" }) });
    await hourly.getByRole("img", { name: "The last 2: 1 queued, 1 skipped" }).waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await file.getByRole("link", { name: "from-file" }).click();
    await page.getByText("This schedule stands in hive.yaml").waitFor();
    expect(await page.getByRole("button", { name: "Change" }).count()).toBe(0);
    expect(await axeProblems(page)).toEqual([]);
    await context.close();
  }
});

test("the history says of each slot which job it made, or why it made none", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/schedules/hourly" });
  const history = page.getByRole("region", { name: "History" });
  await history.getByText("a job of an earlier slot was not over").waitFor();
  await history.getByRole("link", { name: /^hourly\.\d{8}T\d{6}Z$/ }).waitFor();
  expect(await history.getByText("backfilled by api").count()).toBe(2);
});

test("a schedule is made by a form that shows its next times while it is typed, then changed, paused, resumed and deleted", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/schedules" });
  await page.getByRole("link", { name: "hourly" }).waitFor();
  await page.keyboard.press("m");
  await page.getByLabel("Id", { exact: true }).fill("nightly");
  await page.getByLabel("Cron", { exact: true }).fill("15 4 * *");
  const next = page.getByRole("region", { name: "The next times" });
  await next.getByRole("alert").waitFor();
  await page.getByLabel("Cron", { exact: true }).fill("15 4 * * *");
  await page.getByLabel("Time zone").fill("Asia/Tokyo");
  await next.getByText("at 04:15 (Asia/Tokyo)").waitFor();
  await next
    .getByText(/04:15 in Asia\/Tokyo/)
    .first()
    .waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.getByLabel("Repository").fill(job.repo);
  await page.getByLabel("Task").selectOption("script");
  await page.getByRole("button", { name: "Make the schedule" }).click();
  await page
    .getByText(/script/)
    .first()
    .waitFor();
  await page.getByRole("alert").filter({ hasText: "script" }).first().waitFor();
  await page.getByLabel("Script", { exact: true }).fill("true");
  await page.getByRole("button", { name: "Make the schedule" }).click();
  await page.getByRole("heading", { name: "nightly", level: 1 }).waitFor();

  await page.keyboard.press("e");
  await page.getByRole("heading", { name: "Change nightly" }).waitFor();
  await page.getByLabel("Cron", { exact: true }).fill("45 5 * * *");
  // Somebody else is faster.
  await server.hive.schedules.put("nightly", { cron: "0 9 * * *", job: { ...job, task: "lint" } });
  await page.getByRole("button", { name: "Save the changes" }).click();
  await page.getByText("Somebody changed it since you began.").waitFor();
  await page.getByRole("button", { name: "Put mine over it" }).click();
  await page.getByText("at 05:45 (Asia/Tokyo)").waitFor();
  expect((await server.hive.schedules.get("nightly")).revision).toBe(3);

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByLabel("Why").fill("holidays");
  await page.keyboard.press("Enter");
  await page.getByText(/Paused by api .*: holidays/).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause" }).waitFor();

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await page.getByRole("heading", { name: "Schedules", level: 1 }).waitFor();
  await expect
    .poll(async () => (await server.hive.schedules.list()).schedules.map(({ id }) => id))
    .not.toContain("nightly");
});

test("a backfill shows the slots it would take before it makes their jobs; a trigger makes one at once", async () => {
  await server.hive.schedules.put("filled", { every: "6h", overlap: "allow", job });
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/schedules/filled" });
  await page.getByRole("heading", { name: "filled", level: 1 }).waitFor();
  await page.keyboard.press("b");
  const dialog = page.getByRole("dialog", { name: "Backfill filled" });
  await dialog.getByText("4 slots, 4 of them without a job.").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Last 3 days" }).click();
  await dialog.getByRole("button", { name: "Make 12 jobs" }).click();
  await page.getByText("12 of 12 slots have a job").waitFor();
  await page.getByRole("region", { name: "History" }).getByText("backfilled by api").nth(11).waitFor();
  await page.getByRole("button", { name: "Trigger" }).click();
  await page.getByRole("button", { name: "Make the job" }).click();
  await page.getByText(/Made filled\./).waitFor();
  await page.getByRole("region", { name: "History" }).getByText("triggered by api").waitFor();
});

test("the calendar has a week and a month that the arrows walk through; the day's slots stand below", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page, context } = await browser.visit({
      ...{ url: server.url, token: server.token, path: "/schedules/calendar", colors },
    });
    const today = page.locator('[aria-current="date"]');
    await today.waitFor();
    await page
      .getByRole("gridcell", { name: /to come/ })
      .first()
      .waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await page.keyboard.press("m");
    await page.getByRole("grid", { name: "A month of slots" }).waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await page.getByRole("gridcell", { selected: true }).focus();
    const before = await page.getByRole("gridcell", { selected: true }).textContent();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).not.toBe(before);
    await expect.poll(() => new URL(page.url()).searchParams.get("day")).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    await page.getByText("24 slots").waitFor();
    await page.getByLabel("Of which schedule").selectOption("from-file");
    await page.getByText("24 slots").waitFor({ state: "detached" });
    await context.close();
  }
});

test("on a phone the calendar is a list, and nothing is wider than the phone", async () => {
  const { page } = await browser.visit({
    ...{ url: server.url, token: server.token, path: "/schedules/calendar", viewport: PHONE },
  });
  await page.getByRole("heading", { name: /, today$/ }).waitFor();
  expect(await axeProblems(page)).toEqual([]);
  for (const path of ["/schedules/calendar", "/schedules", "/schedules/hourly", "/schedules?make=true"]) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(PHONE.width);
    expect(await axeProblems(page), path).toEqual([]);
  }
});
