/** One job in a real browser: watched, decided about, spoken to. Real workers, the demo agent, a real git host. */
import { createServer, type Server } from "node:http";
import { mkdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser, type Visit } from "./browser.ts";

let git: GitHost;
let server: HiveProcess;
let browser: Browser;
let backend: Server;
let gates: string;

beforeAll(async () => {
  git = await startGitHost();
  for (const name of ["acme/app.git", "careful/app.git", "asks/app.git"])
    git.makeRepo(name, { "README.md": "# App\n\nSells honey.\n" });
  const { host } = new URL(git.server.url);
  server = await startHive({
    env: {
      HIVE_AGENT: "demo",
      HIVE_WORKERS: "2",
      HIVE_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 5).toString("base64")}`,
    },
    yaml: `repos: [{ match: "${host}/careful/*", approve: publish }, { match: "${host}/asks/*", approve: start }]`,
  });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
  backend = createServer((_, response) => response.writeHead(204).end());
  await new Promise<void>((done) => backend.listen(0, "127.0.0.1", done));
  // What the console says of jobs that are not there, and of a diff that is not there yet.
  browser = await startBrowser([/404|410/]);
});
afterAll(async () => {
  await browser?.dispose();
  backend?.close();
  await server?.dispose();
  await git?.stop();
});

const repo = (name = "acme/app"): string => `${git.server.url}/${name}.git`;
const gated = (gate: string): string => `while [ ! -e ${join(gates, gate)} ]; do sleep 0.05; done`;
const open = (gate: string): void => writeFileSync(join(gates, gate), "");
async function look(path: string, more: Partial<Visit> = {}): Promise<Page> {
  return (await browser.visit({ url: server.url, token: server.token, path, ...more })).page;
}
/** The status is shown by word in the header. */
const status = (page: Page, words: string | RegExp) =>
  page.getByRole("banner").or(page.locator("#screen header")).getByText(words, { exact: true }).first();
const part = (page: Page, name: string | RegExp) =>
  page.getByRole("navigation", { name: "Parts of the job" }).getByRole("link", { name });

test("a job is watched from waiting to its diff without a reload", async () => {
  await server.hive.enqueue({ jobId: "first", repo: repo(), task: "script", script: gated("first") });
  await server.hive.enqueue({
    jobId: "watched",
    repo: repo(),
    task: "agent",
    instructions: "Add a quick start to the README demo:sleep=600",
    dependsOn: ["first"],
  });
  const page = await look("/jobs/watched");
  await status(page, "blocked").waitFor();
  await page.getByText("Why it waits:").waitFor({ state: "attached" });
  await page.evaluate(() => {
    document.documentElement.dataset["mark"] = "never loaded again";
  });
  open("first");
  await page.getByRole("region", { name: "Attempts" }).getByText("fence 1").waitFor();
  await status(page, "succeeded").waitFor();
  await page.getByRole("region", { name: "Result" }).getByText("Extended README.md.").waitFor();
  await page.getByRole("region", { name: "Attempts" }).getByText("publish", { exact: false }).first().waitFor();
  expect(await axeProblems(page)).toEqual([]);

  await part(page, "Conversation").click();
  await page.getByText("Reading the instructions").waitFor();
  await page.getByText("the job succeeded").waitFor();
  expect(page.url()).toContain("tab=conversation");
  expect(await axeProblems(page)).toEqual([]);

  await part(page, /^Diff/).click();
  await page.getByRole("list", { name: "Lines of README.md" }).getByText("## Quick start").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  expect(await page.locator("html").getAttribute("data-mark")).toBe("never loaded again");
});

test("a line of the diff is commented on by keyboard, the agent goes on with it, and the comment says so", async () => {
  await server.run({ jobId: "spoken", repo: repo(), task: "agent", instructions: "Add a quick start to the README" });
  const page = await look("/jobs/spoken?tab=diff");
  const lines = page.getByRole("list", { name: "Lines of README.md" });
  await lines.getByRole("button", { name: "Comment on line 1", exact: true }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const box = page.getByLabel("Comment on README.md:3");
  await box.fill("Say it in the README of Windows too.");
  await page.keyboard.press("Control+Enter");
  await page.getByText("Comment 1 is kept").waitFor();
  await lines.getByText("Say it in the README of Windows too.").waitFor();
  await page.getByRole("list", { name: "Comments" }).getByText("done", { exact: true }).waitFor();
  const { comments } = await server.hive.comments("spoken");
  expect(comments[0]?.text).toBe("README.md:3\n> Sells honey.\n\nSay it in the README of Windows too.");

  await part(page, /^Conversation/).click();
  await page.getByRole("textbox", { name: "Comment", exact: true }).fill("And a word about the README of wax.");
  await page.getByRole("button", { name: "Send to the agent" }).click();
  await page.getByText("Comment 2 is kept").waitFor();
  await page.getByRole("article").getByText("And a word about the README of wax.").waitFor();
  await page.getByRole("heading", { name: /^Fence 3/ }).waitFor();
  expect(await server.over("spoken")).toMatchObject({ generation: 3 });
});

test("work that waits to be published is looked at and approved by key, naming its bundle", async () => {
  const held = await server.run({
    jobId: "careful",
    repo: repo("careful/app"),
    task: "script",
    script: "echo a > a.txt",
  });
  const page = await look("/jobs/careful?tab=diff");
  await page.getByRole("list", { name: "Lines of a.txt" }).getByText("a", { exact: true }).waitFor();
  await page.keyboard.press("a");
  const dialog = page.getByRole("dialog", { name: "Approve this job?" });
  await dialog.getByText(held.bundle?.sha256 ?? "no bundle").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Approved: careful").waitFor();
  await status(page, "succeeded").waitFor();
  expect(git.read("careful/app.git", "hive/careful", "a.txt")).toBe("a");
});

test("a held job is rejected with a reason, and tried again", async () => {
  await server.run({ jobId: "asked", repo: repo("asks/app"), task: "script", script: "true" });
  const page = await look("/jobs/asked", { colors: "dark" });
  await status(page, "held: approval").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Reject" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Why").fill("not today");
  await dialog.getByRole("button", { name: "Reject" }).click();
  await page.getByRole("button", { name: "Retry" }).waitFor();
  await page.keyboard.press("r");
  await page.getByRole("dialog", { name: "Try this job again?" }).getByRole("button", { name: "Retry" }).click();
  await status(page, "held: approval").waitFor();
  await part(page, "Events").click();
  await page.getByRole("list", { name: "Events" }).getByText("not today").first().waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

test("a running job shows its log and is canceled, but not by Escape", async () => {
  await server.hive.enqueue({
    jobId: "long",
    repo: repo(),
    task: "script",
    script: `echo 'here I am'; ${gated("never")}`,
  });
  const page = await look("/jobs/long", { viewport: PHONE });
  await page.getByRole("group", { name: "Last lines of the log" }).getByText("here I am").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  expect(await axeProblems(page)).toEqual([]);
  await page.keyboard.press("c");
  await page.getByRole("dialog", { name: "Cancel this job?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await server.hive.get("long")).toMatchObject({ status: "running", cancelRequested: false });
  await page.getByRole("button", { name: "Cancel job" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the job" }).click();
  await status(page, /^canceled/).waitFor();
});

test("a failed job says why, and which attempt it was", async () => {
  await server.run({ jobId: "red", repo: repo(), task: "script", script: "echo 'expected 2, got 3' >&2; exit 3" });
  const page = await look("/jobs/red");
  await status(page, /^failed/).waitFor();
  await page.getByText("ended with exit code 3").first().waitFor();
  await page.getByRole("group", { name: "Last lines of the log" }).getByText("expected 2, got 3").waitFor();
  await page.keyboard.press("e");
  await page.waitForURL(/\/new\?from=red$/);
});

test("candidates stand side by side, and a person publishes one of them", async () => {
  const asked = { jobId: "best", repo: repo(), task: "agent" as const, instructions: "Write notes.md" };
  expect(await server.run({ ...asked, candidates: 2, choose: "person" })).toMatchObject({ reason: "choice" });
  const page = await look("/jobs/best");
  await page.getByRole("button", { name: "Choose a candidate" }).click();
  await page.getByRole("region", { name: "Candidate 1" }).getByText("1 file, +2 −0").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.getByRole("button", { name: "Choose candidate 2" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Publish it" }).click();
  await page.getByRole("region", { name: "Candidate 2" }).getByText("chosen").waitFor();
  await status(page, "succeeded").waitFor();
});

test("callbacks of a job are listed with their attempts and sent again", async () => {
  const callbackUrl = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/hive`;
  await server.run({ jobId: "told", repo: repo(), task: "script", script: "true", callbackUrl });
  const page = await look("/jobs/told?tab=callbacks");
  const list = page.getByRole("list", { name: "Callbacks" });
  const last = list.getByRole("listitem").filter({ hasText: "job.succeeded" });
  await last.getByText("delivered").waitFor();
  await last.getByRole("button", { name: /^Send again: job.succeeded/ }).click();
  await page.getByText("is sent again").waitFor();
  await last.getByRole("list").getByRole("listitem").nth(1).waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

test("an id that never was and a job that is forgotten say so in the server's words", async () => {
  const page = await look("/jobs/never-was");
  await page.getByText("There is no such job").waitFor();
  await page.getByText("There is no job never-was").waitFor();
  expect(await axeProblems(page)).toEqual([]);
  await page.route("**/v1/jobs/old", (route) =>
    route.fulfill({
      status: 410,
      contentType: "application/problem+json",
      body: JSON.stringify({ code: "job_forgotten", detail: "Job old succeeded and is not kept any more" }),
    }),
  );
  await page.goto("/jobs/old");
  await page.getByText("This job is forgotten").waitFor();
  await page.getByText("is not kept any more").waitFor();
});
