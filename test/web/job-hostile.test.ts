/** What jobs, agents and repositories bring from outside is shown as text, harmlessly, however much of it there is. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { axeProblems } from "./axe.ts";
import { type Browser, PHONE, startBrowser, type Visit } from "./browser.ts";

const HTML = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
const BIDI = "\u202egnp.exe\u202c";
const LONGEST = 262_144;

/** Says what it was not asked for, and writes a file whose lines lie about what they are. */
const AGENT = `case $(cat) in *"be chatty"*) seq 1 1300 | sed "s/^/line number /"; exit;; esac
printf '%s\\n' '${HTML.replaceAll("'", `'"'"'`)} ${BIDI}'
printf '%s\\n' 'if (admin) {${BIDI} // ${HTML.replaceAll("'", `'"'"'`)}' > '${BIDI}.js'
seq 1 60000 > many-lines.txt
mkdir -p many; for n in $(seq 1 400); do echo "$n" > "many/file-$n.txt"; done
head -c 900000 /dev/zero | tr '\\0' x > one-line.txt
printf 'a\\000b' > binary.dat`;

let git: GitHost;
let server: HiveProcess;
let browser: Browser;

beforeAll(async () => {
  git = await startGitHost();
  const repo = git.makeRepo("acme/app.git", { "README.md": "# App\n" });
  server = await startHive({
    env: { HIVE_AGENT: "command", HIVE_AGENT_COMMAND: AGENT, HIVE_ALLOW_UNISOLATED: "1", HIVE_WORKERS: "1" },
  });
  browser = await startBrowser();
  const instructions = `${HTML} ${BIDI} `.padEnd(LONGEST, "漢字 ");
  await server.run({ jobId: "hostile", repo, task: "agent", instructions, metadata: { title: `${HTML} ${BIDI}` } });
});
afterAll(async () => {
  await browser?.dispose();
  await server?.dispose();
  await git?.stop();
});

async function look(path: string, more: Partial<Visit> = {}): Promise<Page> {
  return (await browser.visit({ url: server.url, token: server.token, path, ...more })).page;
}
const isHarmless = async (page: Page): Promise<void> => {
  expect(await page.title()).not.toBe("owned");
  expect(await page.locator("#screen img[src='x']").count()).toBe(0);
};

test("the longest instructions are cut until they are wanted, and HTML in them is text", async () => {
  const page = await look("/jobs/hostile");
  const words = page.getByRole("group", { name: "Instructions" });
  await words.getByText("<img src=x onerror").waitFor();
  expect((await words.innerText()).length).toBeLessThan(10_000);
  await page.getByRole("button", { name: "Show all 262,144 characters" }).click();
  await expect.poll(async () => (await words.textContent())?.length).toBe(LONGEST);
  await page.getByText("Metadata").click();
  await page.getByRole("group", { name: "Metadata" }).getByText("<img src=x").waitFor();
  await isHarmless(page);
  expect(await axeProblems(page)).toEqual([]);
});

test("what the agent said is text in the conversation and in the result", async () => {
  const page = await look("/jobs/hostile?tab=conversation", { colors: "dark" });
  await page.getByRole("article").getByText("<script>").first().waitFor();
  await isHarmless(page);
  expect(await axeProblems(page)).toEqual([]);
});

test("a huge diff comes folded, its files are found by name, and letters nobody sees are written out", async () => {
  const page = await look("/jobs/hostile?tab=diff");
  const files = page.getByRole("list", { name: "Files of the diff" });
  await page.getByText("404 files").waitFor();
  expect(await page.locator("#screen li").count()).toBeLessThan(6_000);

  await page.getByRole("textbox", { name: "Find a file" }).fill(".js");
  await files.getByRole("button").first().click();
  const lying = page.getByRole("list", { name: /\.js$/ });
  await lying.getByText("U+202E").waitFor();
  await lying.getByText("onerror").waitFor();

  await page.getByRole("textbox", { name: "Find a file" }).fill("many-lines");
  await files.getByRole("button").first().click();
  await page.getByRole("list", { name: "Lines of many-lines.txt" }).getByText("999", { exact: true }).last().waitFor();
  await page.getByRole("button", { name: "Show 1,000 more lines" }).click();
  await page.getByRole("list", { name: "Lines of many-lines.txt" }).getByText("1999", { exact: true }).last().waitFor();
  await page.getByRole("button", { name: /^many-lines.txt/, expanded: true }).click();
  await page.getByRole("list", { name: "Lines of many-lines.txt" }).waitFor({ state: "detached" });

  await page.getByRole("textbox", { name: "Find a file" }).fill("one-line");
  await files.getByRole("button").first().click();
  await page.getByText(/… \d+ more characters/).waitFor();
  await page.getByRole("textbox", { name: "Find a file" }).fill("binary");
  await files.getByRole("button").first().click();
  await page.getByText("A binary file").waitFor();
  await isHarmless(page);
  expect(await axeProblems(page)).toEqual([]);
});

test("of thousands of things said the last are there at once, and the first when they are asked for", async () => {
  const repo = git.makeRepo("acme/chatty.git", { "README.md": "# App\n" });
  await server.run({ jobId: "chatty", repo, task: "agent", instructions: "Please be chatty" });
  const page = await look("/jobs/chatty?tab=conversation");
  await page.getByText("line number 1300").waitFor();
  expect(await page.getByText("What it was asked").count()).toBe(0);
  const earlier = page.getByRole("button", { name: /^Show earlier/ });
  await earlier.click();
  await page.getByText("line number 500").waitFor();
  await earlier.click();
  await page.getByText("What it was asked").waitFor();
  await page
    .getByText(/^line number 1$/m)
    .first()
    .waitFor();
  expect(await axeProblems(page)).toEqual([]);
});

test("on a phone nothing of it is wider than the screen", async () => {
  const page = await look("/jobs/hostile", { viewport: PHONE });
  const parts = page.getByRole("navigation", { name: "Parts of the job" });
  const width = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth);
  await page.getByRole("region", { name: "Attempts" }).getByText("succeeded").waitFor();
  expect(await width()).toBeLessThanOrEqual(PHONE.width);
  for (const [tab, shown] of [
    ["Conversation", page.getByRole("article").first()],
    ["Diff", page.getByText("404 files")],
    ["Events", page.getByRole("list", { name: "Events" })],
    ["JSON", page.getByRole("group", { name: "JSON" })],
  ] as const) {
    await parts.getByRole("link", { name: new RegExp(`^${tab}`) }).click();
    await shown.waitFor();
    expect([tab, await width()]).toEqual([tab, PHONE.width]);
    expect(await axeProblems(page)).toEqual([]);
  }
});
