/** Settings and about, in a real browser: what is chosen stays, and who signs out is out everywhere. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "0" } });
  // What was asked as the session ended.
  browser = await startBrowser([/401/]);
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

test("colours are chosen by hand, stay over a reload, and can be forgotten and put back", async () => {
  const { url, token } = server;
  const { page } = await browser.visit({ url, token, path: "/settings" });
  const theme = (): Promise<string | undefined> => page.evaluate(() => document.documentElement.dataset["theme"]);
  await page.getByRole("radio", { name: "As the system" }).isChecked();
  expect(await axeProblems(page)).toEqual([]);

  await page.getByRole("radio", { name: "As the system" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  expect(await page.getByRole("radio", { name: "Dark" }).isChecked()).toBe(true);
  expect(await theme()).toBe("dark");
  await page.reload();
  await page.getByRole("radio", { name: "Dark" }).waitFor({ state: "attached" });
  expect(await theme()).toBe("dark");

  await page.getByRole("button", { name: "Forget: Your colours" }).click();
  await page.waitForFunction(() => document.documentElement.dataset["theme"] === "light");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.waitForFunction(() => document.documentElement.dataset["theme"] === "dark");
  await page.getByRole("button", { name: "Forget: Your colours" }).waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

test("who signs out in one tab is out in the others too, and back in all of them after signing in", async () => {
  const { url, token } = server;
  const { page, context } = await browser.visit({ url, token, path: "/settings" });
  const other = await context.newPage();
  await other.goto(`${url}/about`);
  await other.getByRole("heading", { name: "About", level: 1 }).waitFor();
  await page.getByText("Ends by itself").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("INTERNAL_API_TOKEN").waitFor();
  await other.getByLabel("INTERNAL_API_TOKEN").waitFor();
  expect(await context.cookies()).toEqual([]);

  await page.getByLabel("INTERNAL_API_TOKEN").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
  await other.getByRole("heading", { name: "About", level: 1 }).waitFor();
});

test("a browser that keeps no cookie is told so", async () => {
  const { page, context } = await browser.visit({ url: server.url, token: null });
  await page.route("**/v1/session", async (route) => {
    const response = await route.fetch();
    await context.clearCookies();
    const { "set-cookie": _, ...headers } = response.headers();
    await route.fulfill({ response, headers });
  });
  await page.getByLabel("INTERNAL_API_TOKEN").fill(server.token);
  await page.keyboard.press("Enter");
  await page.getByText("this browser kept no cookie").waitFor();
});

test.each(["light", "dark"] as const)("about says what this server is, %s and on a phone", async (colors) => {
  const { url, token } = server;
  const { page } = await browser.visit({ url, token, path: "/about", colors, viewport: PHONE });
  await page.getByText("the queen: it decides").waitFor();
  await page.getByText("sqlite", { exact: true }).waitFor();
  await page.getByText("MIT licence").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  await page.goto("/settings");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
});

test("its documents are a click away", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/about" });
  for (const path of ["/docs", "/openapi.json", "/health", "/metrics"]) {
    const [reply] = await Promise.all([
      page.waitForResponse((response) => new URL(response.url()).pathname === path),
      page.getByRole("link", { name: path }).click(),
    ]);
    expect([path, reply.status()]).toEqual([path, 200]);
    await page.goto("/about");
  }
});
