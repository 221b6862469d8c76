/** Signing in, in a real browser. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, startBrowser } from "./browser.ts";

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "0" } });
  // What the console says of an answer with 401 belongs to a wrong token.
  browser = await startBrowser([/401/]);
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
});

test("nothing is shown before the token was given, a wrong one says what to do, and the right one stays over a reload", async () => {
  const { page, context } = await browser.visit({ url: server.url, token: null, path: "/about" });
  await page.getByLabel("INTERNAL_API_TOKEN").fill("not the token of this server");
  await page.keyboard.press("Enter");
  await page.getByText("That is not this server's INTERNAL_API_TOKEN").waitFor();
  expect(await axeProblems(page)).toEqual([]);

  await page.getByLabel("INTERNAL_API_TOKEN").fill(server.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "About", level: 1 }).waitFor();
  await page.getByText("Live").first().waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.reload();
  await page.getByRole("heading", { name: "About", level: 1 }).waitFor();

  const [cookie, ...others] = await context.cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain(server.token);
});

test("the keys are listed by ?, and go to a screen", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/about" });
  await page.getByRole("heading", { name: "About", level: 1 }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.getByRole("combobox", { name: "Screen, action or job" }).fill("about");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "About", level: 1 }).waitFor();
});
