/** Pools of real Hives in a real browser. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

let server: HiveProcess;
let none: HiveProcess;
let browser: Browser;

const POOLS = `pools:
  - { name: default, max: 3, min: 1 }
  - { name: night, labels: [night, gpu], roles: [builder], max: 2, min: 0, paused: true, timeout: 2h }
  - { name: wide, max: 200, min: 0, labels: [wide] }
`;

beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "204" }, yaml: POOLS });
  none = await startHive({ env: { HIVE_WORKERS: "0" } });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
  await none?.dispose();
});

const visit = (more: object = {}) => browser.visit({ url: server.url, token: server.token, path: "/pools", ...more });

test("each pool says how it is, how many workers it has and wants, and how hive.yaml changes it", async () => {
  const { page } = await visit();
  const pool = page.getByRole("region", { name: "Pool default" });
  await pool.getByText("in order").waitFor();
  await pool.getByRole("img", { name: "1 of at most 3 workers, 1 wanted" }).waitFor();
  const night = page.getByRole("region", { name: "Pool night" });
  await night.getByText("paused", { exact: true }).first().waitFor();
  await night.getByText("2 h 00 min for a job").waitFor();
  await night.getByText("Change it in hive.yaml").click();
  await night.getByText("labels: [night, gpu]").waitFor();
  await night.getByText("timeout: 7200s").waitFor();
  await page
    .getByRole("region", { name: "Pool wide" })
    .getByRole("img", { name: /of at most 200/ })
    .waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

test("a job that only one pool can run makes that pool start a worker, which is seen as it happens", async () => {
  const { page } = await visit();
  const wide = page.getByRole("region", { name: "Pool wide" });
  await wide.getByRole("img", { name: "0 of at most 200 workers, 0 wanted" }).waitFor();
  const job = { repo: "https://example.com/acme/app", task: "script" as const, script: "true", labels: ["wide"] };
  await server.hive.enqueue({ jobId: "for-the-wide", ...job });
  await wide.getByRole("img", { name: "1 of at most 200 workers" }).waitFor();
});

test("in the dark, on a phone and with the keys alone, the pools are the same", async () => {
  const dark = await visit({ colors: "dark", path: "/pools#pool-night" });
  await dark.page.getByRole("region", { name: "Pool night" }).waitFor();
  await dark.page.waitForFunction(() => document.activeElement?.id === "pool-night");
  await dark.page.keyboard.press("j");
  await dark.page.waitForFunction(() => document.activeElement?.id === "pool-wide");
  expect(await axeProblems(dark.page)).toEqual([]);
  const phone = await visit({ viewport: PHONE });
  await phone.page.getByRole("region", { name: "Pool night" }).waitFor();
  expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  expect(await axeProblems(phone.page)).toEqual([]);
});

test("a server that starts no workers says so, and both screens say how to start some", async () => {
  const { page } = await browser.visit({ url: none.url, token: none.token, path: "/pools" });
  await page.getByText("This server starts no workers itself").waitFor();
  await page.getByText("HIVE_WORKERS=4 npm start").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.keyboard.press("g");
  await page.keyboard.press("w");
  await page.getByText("Nobody is here to work").waitFor();
  await page.getByText("gpu-box-1").waitFor();
  await page.getByRole("button", { name: "Copy the command" }).first().waitFor();
  expect(await axeProblems(page)).toEqual([]);
});
