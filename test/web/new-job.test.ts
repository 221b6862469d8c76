/** The form for a new job, in a real browser before a real server. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";

const REPO = "https://github.com/acme/shop";
const HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe \"'$(id)";

let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  server = await startHive({ env: { HIVE_WORKERS: "0" } });
  // A refused job is answered with 422 or 409, which the console says too.
  browser = await startBrowser([/\((422|409) /, /status of (422|409)/]);
  await server.hive.enqueue({ jobId: "before", repo: REPO, task: "script", script: "true", base: "release-1" });
  await server.hive.enqueue({
    jobId: "hostile",
    repo: REPO,
    task: "script",
    script: HOSTILE,
    instructions: HOSTILE,
    labels: ["night"],
    priority: 2,
    timeoutMs: 90_000,
    metadata: { title: HOSTILE },
  });
});
afterAll(async () => {
  try {
    await browser?.dispose();
  } finally {
    await server?.dispose();
  }
});

async function visit(path = "/new", more: object = {}): Promise<Page> {
  const { page } = await browser.visit({ url: server.url, token: server.token, path, ...more });
  await page.getByRole("heading", { name: "New job", level: 1 }).waitFor();
  return page;
}

test("a job is written with completion and preview, refused at its fields, mended and sent", async () => {
  const page = await visit();
  await page.getByRole("button", { name: "Run a script" }).click();
  await page.getByLabel("Repository", { exact: true }).fill("nonsense");
  await page.getByText("When", { exact: true }).click();
  await page.getByLabel("After these jobs").fill("nobody-knows-it");
  await page.getByLabel("Priority").fill("12");
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.getByText("Something is to be mended above.").waitFor();
  const priority = page.getByLabel("Priority");
  expect(await priority.getAttribute("aria-invalid")).toBe("true");
  expect(await axeProblems(page)).toEqual([]);

  await priority.fill("3");
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.locator('[name="repo"][aria-invalid]').waitFor();
  expect(await page.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("repo");
  expect(
    await page.locator("#known-repo option").evaluateAll((all) => all.map((one) => one.getAttribute("value"))),
  ).toEqual([REPO]);
  await page.getByLabel("Repository", { exact: true }).fill(REPO);
  await page.locator('#known-base option[value="release-1"]').waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.locator('[name="dependsOn"][aria-invalid]').waitFor();
  await page.getByLabel("After these jobs").fill("before");

  await page.getByRole("button", { name: "curl", exact: true }).click();
  const curl = (await page.getByLabel("The job as a line of curl").textContent()) ?? "";
  expect(curl).toContain("Bearer $INTERNAL_API_TOKEN");
  expect(curl).not.toContain(server.token);
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.getByText(/^job-\S+ is blocked$/).waitFor();
  await page.waitForURL(/\/jobs\/job-/);
  const job = await server.hive.get(new URL(page.url()).pathname.split("/").at(-1) ?? "");
  expect(job).toMatchObject({ repo: REPO, script: "npm ci\nnpm test", priority: 3, dependsOn: ["before"] });
});

test("a pasted curl fills the form, and the same request lost on its way is one job", async () => {
  const page = await visit();
  await page.getByRole("button", { name: "Paste curl or JSON" }).click();
  const box = page.getByLabel("A line of curl, or JSON");
  await box.fill("curl http://elsewhere/enqueue");
  await page.getByRole("button", { name: "Fill the form" }).click();
  await page.getByText("This curl sends no body").waitFor();
  await box.fill(
    `curl -X POST http://elsewhere/enqueue \\\n -H "Authorization: Bearer x" -d '{"repo":"${REPO}","task":"script","script":"echo '\\''it'\\''","budget":{"usd":2},"colour":"red"}'`,
  );
  await page.getByRole("button", { name: "Fill the form" }).click();
  await page.getByText("no job has colour").waitFor();
  expect(await page.getByLabel("Script").inputValue()).toBe("echo 'it'");
  expect(await page.getByLabel("US dollars").inputValue()).toBe("2");

  let lost = 0;
  await page.route("**/enqueue", async (route) => {
    const answer = await route.fetch();
    lost += 1;
    // The server has it, and the page never hears so.
    if (lost === 1) await route.fulfill({ status: 200, contentType: "text/html", body: "a proxy" });
    else await route.fulfill({ response: answer });
  });
  const count = async (): Promise<number> => (await server.hive.list()).jobs.length;
  const before = await count();
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.waitForURL(/\/jobs\/job-/);
  expect(await count()).toBe(before + 1);
});

test("a job like another has all that the server tells of it, hostile or not", async () => {
  const page = await visit("/new?from=hostile");
  expect(await page.getByLabel("Script").inputValue()).toBe(HOSTILE);
  expect(await page.getByLabel("Minutes of one attempt").inputValue()).toBe("1.5");
  expect(JSON.parse(await page.getByLabel("Metadata").inputValue())).toEqual({ title: HOSTILE });
  expect(await page.locator("img[src=x]").count()).toBe(0);
  await page.getByRole("button", { name: "Put it in" }).click();
  await page.waitForURL(/\/jobs\/job-/);
  const job = await server.hive.get(new URL(page.url()).pathname.split("/").at(-1) ?? "");
  expect(job).toMatchObject({ script: HOSTILE, labels: ["night"], priority: 2, timeoutMs: 90_000 });
});

test("templates of one's own are kept without a token, on a phone and in the dark", async () => {
  const page = await visit("/new", { viewport: PHONE, colors: "dark" });
  await page.getByLabel("Repository", { exact: true }).fill(REPO);
  await page.getByLabel("Task", { exact: true }).selectOption("lint");
  await page.getByText("Access and reports").click();
  await page.getByLabel("Git token").fill("ghp_0123456789");
  await page.getByRole("button", { name: "Save as a template" }).click();
  await page.getByLabel("Name").fill("Lint the shop");
  await page.keyboard.press("Enter");
  await page.getByText("The template Lint the shop is saved").waitFor();
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("ghp_0123456789");
  await page.getByRole("button", { name: "Empty it" }).click();
  await page.reload();
  await page.getByRole("button", { name: "Lint the shop", exact: true }).click();
  expect(await page.getByLabel("Task", { exact: true }).inputValue()).toBe("lint");
  expect(await page.getByLabel("Repository", { exact: true }).inputValue()).toBe(REPO);
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.getByRole("button", { name: "Remove the template Lint the shop" }).click();
  await page.getByRole("button", { name: "Lint the shop", exact: true }).waitFor({ state: "detached" });
});
