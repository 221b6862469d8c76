/** Callbacks in a real browser, with a backend that does not want them at first. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { endpoints } from "@hive/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

/** Callbacks of one job: it was queued, and canceled. */
const JOBS = ["first", "second", "third"];

let answer = 410;
let backend: Server;
let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  backend = createServer((request, response) => {
    request.resume();
    request.once("end", () => response.writeHead(answer).end("<b>no</b>"));
  });
  await new Promise<void>((done) => backend.listen(0, "127.0.0.1", done));
  const { port } = backend.address() as AddressInfo;
  server = await startHive({
    env: { HIVE_WORKERS: "0", HIVE_ALLOW_UNISOLATED: "1" },
    yaml: `callbackUrl: "http://127.0.0.1:${port}/hive"\n`,
  });
  for (const jobId of JOBS) {
    await server.hive.enqueue({ jobId, repo: "https://git.example/app.git", task: "test", labels: ["nobody"] });
    await server.hive.cancel(jobId);
  }
  await until("the callbacks to be dead", async () => (await dead()) >= JOBS.length);
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
  await new Promise((done) => backend?.close(done));
});

async function dead(): Promise<number> {
  const { callbacks } = await server.hive.api.call(endpoints.listCallbacks, { query: { state: "dead" } });
  const { callbacks: pending } = await server.hive.api.call(endpoints.listCallbacks, { query: { state: "pending" } });
  return pending.length > 0 ? 0 : callbacks.length;
}

test("each says how its tries ended; by state and by job, in the address", async () => {
  for (const colors of ["light", "dark"] as const) {
    const { page, context } = await browser.visit({ url: server.url, token: server.token, path: "/callbacks", colors });
    await page.getByRole("link", { name: "first" }).first().waitFor();
    await page
      .getByText(/answered 410/)
      .first()
      .waitFor();
    await page.getByText("1 try").first().click();
    await page
      .getByRole("list", { name: /^Tries of callback/ })
      .first()
      .getByText(/answered 410/)
      .waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await page.getByRole("link", { name: "Delivered" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("state")).toBe("delivered");
    await page.getByRole("link", { name: "first" }).first().waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Dead" }).click();
    await page.getByRole("link", { name: "second" }).first().waitFor();
    await page.getByLabel("Of one job").fill("second");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "first" }).first().waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("link", { name: "second" }).first().waitFor();
    expect(await axeProblems(page)).toEqual([]);
    await context.close();
  }
});

test("on a phone they are not wider than it", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/callbacks", viewport: PHONE });
  await page.getByRole("link", { name: "first" }).first().waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  expect(await axeProblems(page)).toEqual([]);
});

test("one is redelivered, then all that are dead, once the backend takes them", async () => {
  answer = 204;
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/callbacks?state=dead" });
  const rows = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: /^Redeliver callback/ }) });
  await rows.first().waitFor();
  const before = await rows.count();
  await rows
    .first()
    .getByRole("button", { name: /^Redeliver callback/ })
    .click();
  await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(before - 1);
  await page.getByRole("button", { name: `Redeliver ${before - 1} dead` }).click();
  await page.getByRole("button", { name: "Send them" }).click();
  await page.getByText(`${before - 1} of ${before - 1} callbacks are sent again`).waitFor();
  await page.getByText("None is dead").waitFor();
  await page.getByRole("link", { name: "Delivered" }).click();
  await page.getByText("2 tries").first().waitFor();
});
