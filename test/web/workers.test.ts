/** Workers of a real Hive, watched and stopped in a real browser. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { plainEnvironment, ROOT } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";
import { type LivelyHive, startLivelyHive } from "./lively-hive.ts";

let lively: LivelyHive;
let browser: Browser;
/** The worker that has `at-work`, and the one beside it. */
let busy: string;
let free: string;

beforeAll(async () => {
  lively = await startLivelyHive();
  // What the console says of a refused action belongs to a worker that is gone.
  browser = await startBrowser([/404/]);
  const workers = await lively.server.hive.workers();
  busy = workers.find(({ jobId }) => jobId === "at-work")?.workerId ?? "";
  free = workers.find(({ jobId }) => jobId === null)?.workerId ?? "";
});
afterAll(async () => {
  await browser?.dispose();
  await lively?.dispose();
});

const visit = (more: object = {}) =>
  browser.visit({ url: lively.server.url, token: lively.server.token, path: "/workers", ...more });

test("each worker says what it does now, its name opens what it is and did, and axe finds nothing in either theme", async () => {
  const { page } = await visit();
  const row = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: busy, exact: true }) });
  await row.getByRole("link", { name: "at-work" }).waitFor();
  await row.getByText("at work", { exact: true }).waitFor();
  await page.getByText("2 workers: 1 at work, 1 free.").waitFor();
  await page.getByRole("button", { name: free, exact: true }).click();
  const last = page.getByRole("region", { name: `Last jobs of ${free}` });
  await last.getByRole("listitem").first().waitFor();
  expect(page.url()).toContain(`worker=${free}`);
  expect(await axeProblems(page)).toEqual([]);

  const dark = await visit({ colors: "dark", path: `/workers?worker=${busy}` });
  await dark.page.getByRole("region", { name: `Last jobs of ${busy}` }).waitFor();
  await dark.page.getByText("Start more workers").click();
  await dark.page.getByText("gpu-box-1").waitFor();
  expect(await axeProblems(dark.page)).toEqual([]);

  const phone = await visit({ viewport: PHONE });
  await phone.page.getByRole("link", { name: "at-work" }).waitFor();
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  expect(await axeProblems(phone.page)).toEqual([]);
});

test("with the keys alone: to a worker that works, drained and taken back", async () => {
  const { page } = await visit();
  await page.getByRole("link", { name: "at-work" }).waitFor();
  const name = page.getByRole("button", { name: busy, exact: true });
  // The keys go to rows by their place on the screen.
  for (let step = 0; step < 2; step += 1) {
    await page.keyboard.press("j");
    if (await name.evaluate((button) => button === document.activeElement)) break;
  }
  await page.keyboard.press("d");
  await page.getByRole("button", { name: `Take back ${busy}` }).waitFor();
  await page.getByText("1 draining").waitFor();
  expect((await lively.server.hive.workers()).find(({ workerId }) => workerId === busy)?.draining).toBe(true);
  await page.keyboard.press("d");
  await page.getByRole("button", { name: `Drain ${busy}` }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: `Last jobs of ${busy}` }).waitFor();
});

test("a worker of another machine appears when it comes, and when it leaves the screen says so", async () => {
  const { page } = await visit({ path: "/workers?worker=far-away" });
  await page.getByRole("heading", { name: "far-away is not registered" }).waitFor();
  const far = startWorker("far-away");
  try {
    const row = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: "far-away", exact: true }) });
    await row.getByText("by/hand=1").first().waitFor();
    await row.getByText("none: it came by itself").waitFor();
    await page.getByRole("heading", { name: "far-away is not registered" }).waitFor({ state: "detached" });
    const ended = once(far, "exit");
    far.kill("SIGTERM");
    await ended;
    await page.getByRole("heading", { name: "far-away is not registered" }).waitFor();
    await page.getByText("It left, or was silent for too long.").waitFor();
    await row.waitFor({ state: "detached" });
  } finally {
    far.kill("SIGKILL");
  }
});

/** A worker as a person starts it on a machine of their own. */
function startWorker(name: string): ChildProcess {
  const { data, url } = lively.server;
  const secret = /^export CALLBACK_SECRET=(\S+)$/m.exec(readFileSync(join(data, "secrets.env"), "utf8"))?.[1] ?? "";
  const env = plainEnvironment({
    ...{ HIVE_URL: url, CALLBACK_SECRET: secret, HIVE_WORKER_NAME: name },
    ...{ HIVE_WORKER_DATA: join(dirname(data), name), HIVE_LABELS: "by/hand=1", HIVE_ROLES: "watcher" },
  });
  return spawn(process.execPath, [join(ROOT, "apps/worker/src/main.ts")], {
    cwd: dirname(data),
    env,
    stdio: "ignore",
  });
}

test("stop now asks first and says what it does, then the worker is drained and its job canceled", async () => {
  const { page } = await visit({ path: `/workers?worker=${busy}` });
  await page.getByRole("button", { name: `Stop now: ${busy}` }).click();
  const dialog = page.getByRole("dialog", { name: `Stop ${busy} now?` });
  await dialog.getByText("at-work").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await dialog.waitFor({ state: "hidden" });
  expect((await lively.server.hive.get("at-work")).status).toBe("running");

  await page.getByRole("button", { name: `Stop now: ${busy}` }).click();
  await dialog.getByRole("button", { name: "Stop it and cancel its job" }).click();
  await page.getByText(`${busy} takes no more jobs, and at-work is being canceled`).waitFor();
  const job = await lively.server.over("at-work");
  expect(job.status).toBe("canceled");
  // The server starts another of the same name in its place: what it did is still there.
  await page
    .getByRole("region", { name: `Last jobs of ${busy}` })
    .getByRole("link", { name: "at-work" })
    .waitFor();
});

test("a worker that is not there any more says so, with what it did", async () => {
  const { page } = await visit({ path: "/workers?worker=gone-for-good" });
  await page.getByRole("heading", { name: "gone-for-good is not registered" }).waitFor();
  await page.getByText("None of the jobs that ended lately").waitFor();
  expect(await axeProblems(page)).toEqual([]);
});
