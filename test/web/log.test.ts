/** The log of a job in a real browser: read from the first line, searched, linked, folded, and harmless whatever is in it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser } from "./browser.ts";
import { lineOf, logOf, seenLines } from "./log-screen.ts";

let git: GitHost;
let server: HiveProcess;
let browser: Browser;

/** What a script prints to trouble who reads it. */
const HOSTILE = [
  `"\\x1b[31m".repeat(700) + "bomb" + "\\x1b[0m"`,
  `"<img src=x onerror=alert(1)><script>alert(2)</script>"`,
  `"long " + "x".repeat(1000000) + " end"`,
  `"user\\u202egnp.exe and on"`,
  `"a\\0b"`,
  `"\\x1b]0;never ended"`,
  `"\\x1b[2J\\x1b[1;1Hmoved \\x1b[5Cright"`,
  `"10 %\\r50 %\\r100 %"`,
  `"\\x1b[38;2;255;255;255mwhite on white\\x1b[0m \\x1b[30;40mblack on black\\x1b[0m"`,
];

beforeAll(async () => {
  git = await startGitHost();
  git.makeRepo("acme/shop.git", { "README.md": "# Shop\n", "print.js": programFor(HOSTILE) });
  server = await startHive({ env: { HIVE_WORKERS: "2" } });
  const repo = `${git.server.url}/acme/shop.git`;
  await server.hive.enqueue({
    jobId: "numbers",
    repo,
    task: "script",
    script:
      "seq -f 'line %.0f of many' 1 100000; echo '2026-11-24T03:00:00.125+02:00 with a time'; echo needle in the end",
  });
  await server.hive.enqueue({ jobId: "hostile", repo, task: "script", script: "node print.js" });
  await server.hive.enqueue({
    jobId: "ragged",
    repo,
    task: "script",
    script: `awk 'BEGIN { for (n = 1; n <= 3000; n++) { printf "ragged %d ", n; for (i = 0; i < n % 40; i++) printf "and another word "; print "" } }'`,
  });
  await Promise.all([server.over("numbers"), server.over("hostile"), server.over("ragged")]);
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.dispose();
  await Promise.all([server?.dispose(), git?.stop()]);
});

test("a log is read from its first line; only what is near is on the page, and its end is one key away", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/numbers/log" });
  await page.getByText("Complete").waitFor();
  await lineOf(page, 1).waitFor();
  expect((await seenLines(page))[0]).toBe(1);
  await page.getByText(/^100,\d{3} lines/).waitFor();
  expect(await page.locator("[data-line]").count()).toBeLessThan(400);
  await page.keyboard.press("G");
  await page.getByText("needle in the end").waitFor();
  await page.keyboard.press("g");
  await lineOf(page, 1).waitFor();
  expect((await seenLines(page))[0]).toBe(1);
  expect(await axeProblems(page)).toEqual([]);
});

test("a search counts the lines of the whole log and goes through them both ways", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/numbers/log" });
  await lineOf(page, 1).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("LINE 777");
  await page.getByText("1 of 111 lines").waitFor();
  await page.locator('[aria-current="true"]', { hasText: "line 777 of many" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator('[aria-current="true"]', { hasText: "line 7770 of many" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.type("needle");
  await page.getByText("1 of 1 line").waitFor();
  await page.locator('[aria-current="true"]', { hasText: "needle in the end" }).waitFor();
  await logOf(page).focus();
  await page.keyboard.press("N");
  await page.locator("mark", { hasText: "needle" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("nowhere in it");
  await page.getByText("Not found").waitFor();
});

test("a line is linked by its number, a range by shift, and the link shows it", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/numbers/log#L50000" });
  await page.getByText("Line 50,000").waitFor();
  await lineOf(page, 50_000).waitFor();
  const [first, last] = await seenLines(page);
  expect([first < 50_000, last > 50_000]).toEqual([true, true]);
  await lineOf(page, 50_004)
    .getByRole("link")
    .click({ modifiers: ["Shift"] });
  await page.getByText("Lines 50,000 to 50,004").waitFor();
  expect(new URL(page.url()).hash).toBe("#L50000-L50004");
  await page.reload();
  await page.getByText("Lines 50,000 to 50,004").waitFor();
  await lineOf(page, 50_004).waitFor();
  expect(await page.locator(".log-chosen").count()).toBe(5);
  expect(await axeProblems(page)).toEqual([]);
});

test("wrapped lines of any height stay where they are while they are scrolled through", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/ragged/log#L1500" });
  await page.getByText("Complete").waitFor();
  await lineOf(page, 1_500).waitFor();
  const [before] = await seenLines(page);
  await page.keyboard.press("w");
  await page.getByRole("button", { name: "Wrap", pressed: true }).waitFor();
  expect((await seenLines(page))[0]).toBe(before);
  await logOf(page).hover();
  for (const way of [-1, 1]) {
    let [last] = await seenLines(page);
    const first = last;
    for (let turn = 0; turn < 40; turn += 1) {
      await page.mouse.wheel(0, way * 120);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      const [now] = await seenLines(page);
      // Six rows at most, and never back.
      expect([(now - last) * way >= 0, Math.abs(now - last) <= 6]).toEqual([true, true]);
      last = now;
    }
    expect(Math.abs(last - first)).toBeGreaterThan(50);
  }
  await page.keyboard.press("G");
  await page.getByText(/^ragged 3000 /).waitFor();
  await page.keyboard.press("g");
  await lineOf(page, 1).waitFor();
  expect((await seenLines(page))[0]).toBe(1);
});

test("what is selected over many lines is copied as the log has it, without numbers", async () => {
  const { page, context } = await browser.visit({
    url: server.url,
    token: server.token,
    path: "/jobs/numbers/log#L500",
  });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await lineOf(page, 500).waitFor();
  const begin = await lineOf(page, 498).locator(".log-text").boundingBox();
  const end = await lineOf(page, 503).locator(".log-text").boundingBox();
  if (begin === null || end === null) throw new Error("the lines are not on the page");
  await page.mouse.move(begin.x + 1, begin.y + 10);
  await page.mouse.down();
  await page.mouse.move(end.x + 30, end.y + 10, { steps: 5 });
  await page.mouse.up();
  await page.keyboard.press("ControlOrMeta+c");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const lines = copied.split("\n");
  expect(lines).toHaveLength(6);
  expect(lines.slice(0, 5).map((line) => /^line \d+ of many$/.test(line))).toEqual([true, true, true, true, true]);
  expect(lines[5]).toMatch(/^line?/);
});

test("phases are folded by their lines, and what is sought in one opens it", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/numbers/log" });
  await lineOf(page, 1).waitFor();
  await page.getByText("Complete").waitFor();
  await page.getByRole("button", { name: "Fold", exact: true }).click();
  const run = page.getByRole("button", { name: /^run/ });
  expect(await run.getAttribute("aria-expanded")).toBe("false");
  expect(await page.locator("[data-line]").count()).toBeLessThan(12);
  await page.getByRole("textbox", { name: "Search in the log" }).fill("needle");
  await page.locator('[aria-current="true"]', { hasText: "needle in the end" }).waitFor();
});

test("times of lines are shown in the viewer's zone, with the words of the program at hand", async () => {
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/numbers/log" });
  await lineOf(page, 1).waitFor();
  await page.keyboard.press("End");
  const time = page.locator("time", { hasText: "2026-11-24 01:00:00.125" });
  await time.waitFor();
  expect(await time.getAttribute("title")).toContain("2026-11-24T03:00:00.125+02:00");
  await page.keyboard.press("t");
  await page.getByText("2026-11-24T03:00:00.125+02:00 with a time").waitFor();
});

test("whatever a program prints is shown harmlessly, in both colours and on a phone", async () => {
  for (const [colors, viewport] of [
    ["light", undefined],
    ["dark", undefined],
    ["light", PHONE],
  ] as const) {
    const { page, context } = await browser.visit({
      url: server.url,
      token: server.token,
      path: "/jobs/hostile/log",
      colors,
      ...(viewport === undefined ? {} : { viewport }),
    });
    await page.getByText("Complete").waitFor();
    await page.getByText("bomb").waitFor();
    await page.getByText("<img src=x onerror=alert(1)><script>alert(2)</script>").waitFor();
    await page.getByText("user[U+202E]gnp.exe and on").waitFor();
    await page.getByText("a␀b").waitFor();
    await page.getByText("␛]0;never ended").waitFor();
    await page.getByText("moved right").waitFor();
    await page.getByText("100 %", { exact: true }).waitFor();
    await page.getByText("white on white").waitFor();
    await page.getByText("bad � bytes").waitFor();
    expect(await page.locator('[role="log"] img, [role="log"] script').count()).toBe(0);
    expect(await axeProblems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    const all = page.getByRole("button", { name: /^Show all: 977 KiB/ });
    await all.click();
    await page.waitForFunction(() => (document.querySelector(".log-text-whole")?.textContent ?? "").endsWith(" end"));
    await context.close();
  }
});

test("a job without a log says so, and one that is not there too", async () => {
  await server.hive.enqueue({
    jobId: "not-yet",
    repo: `${git.server.url}/acme/shop.git`,
    task: "script",
    script: "true",
    runAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
  const { page } = await browser.visit({ url: server.url, token: server.token, path: "/jobs/not-yet/log" });
  await page.getByText("No attempt of this job has begun").waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

function programFor(lines: readonly string[]): string {
  return [
    ...lines.map((line) => `process.stdout.write(${line} + "\\n");`),
    'process.stdout.write(Buffer.from("bad \\xff bytes\\n", "latin1"));',
    "",
  ].join("\n");
}
