/** What tells a person who does not look at the page: title and icon of the tab, and notifications of the browser. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, startBrowser } from "./browser.ts";

const MINUTE_MS = 60_000;

/** What the page told through the browser, in place of a desktop that nobody sees. */
declare global {
  var told: [title: string, body: string][];
}

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({
    env: { HIVE_WORKERS: "0" },
    yaml: `repos: [{ match: "github.com/asks/*", approve: start }]`,
  });
  // A server that is killed is not there to be asked.
  browser = await startBrowser([/net::ERR_/]);
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

async function ask(jobId: string): Promise<void> {
  await server.hive.enqueue({ jobId, repo: "https://github.com/asks/app", task: "script", script: "true" });
}

async function titled(page: Page, title: string): Promise<void> {
  await page.waitForFunction((wanted) => document.title === wanted, title);
}

/** As if another tab was chosen, or this one again. */
async function look(page: Page, isLooking: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, !isLooking);
}

test("notifications are off until a button is pressed, then tell of decisions at most once a minute, and never who looks", async () => {
  const { page, context } = await browser.visit({ url: server.url, token: server.token, path: "/about" });
  await context.addInitScript(() => {
    globalThis.told = [];
    class Told extends EventTarget {
      static permission = "default";
      static async requestPermission(): Promise<string> {
        Told.permission = "granted";
        return Told.permission;
      }
      constructor(title: string, { body }: { readonly body: string }) {
        super();
        globalThis.told.push([title, body]);
      }
      close(): void {}
    }
    Object.assign(globalThis, { Notification: Told });
  });
  await page.clock.install({ time: Date.now() });
  const told = () => page.evaluate(() => globalThis.told);

  await page.goto("/settings");
  await page.getByText("They are off.").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await look(page, false);
  await ask("nobody-is-told");
  await titled(page, "1 decision · Settings · Hive");
  expect(await told()).toEqual([]);

  await look(page, true);
  await page.getByRole("button", { name: "Turn notifications on" }).click();
  await page.getByText("They are on, in this browser.").waitFor();
  await look(page, false);
  await ask("first");
  await expect.poll(told, { timeout: 45_000 }).toEqual([["A job waits for your decision", "first"]]);
  await ask("second");
  await ask("third");
  await titled(page, "4 decisions · Settings · Hive");
  expect(await told()).toHaveLength(1);
  await page.clock.fastForward(MINUTE_MS);
  await expect.poll(told, { timeout: 45_000 }).toHaveLength(2);
  expect((await told())[1]).toEqual(["2 jobs wait for your decision", "second\nthird"]);

  await look(page, true);
  await ask("seen-anyway");
  await titled(page, "5 decisions · Settings · Hive");
  await page.clock.fastForward(2 * MINUTE_MS);
  expect(await told()).toHaveLength(2);
  await page.getByRole("button", { name: "Turn notifications off" }).click();
  await page.getByText("They are off.").waitFor();
});

test("the tab says that the connection is lost, and that it is back", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/about" });
  await page.getByText("Live").first().waitFor();
  await titled(page, "5 decisions · About · Hive");
  await server.crash();
  await page.waitForFunction(() => document.title.startsWith("Connection lost"));
  const icon = await page.locator('link[rel="icon"]').getAttribute("href");
  expect(decodeURIComponent(icon ?? "")).toContain(">?</text>");
  await server.start();
  await titled(page, "5 decisions · About · Hive");
});
