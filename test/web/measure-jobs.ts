/**
 * How the list of jobs does with very many, in Chromium. `node measure-jobs.ts URL JOBS`, with the token in
 * INTERNAL_API_TOKEN; prints JSON in its last line. The bench's row `job-table` puts the jobs in and starts this.
 */
import { argv, env } from "node:process";
import type { Page } from "playwright-core";
import { type Browser, startBrowser } from "./browser.ts";

/** Frames of each kind of scrolling. */
const FRAMES = 240;
/** The rows of a big server are many requests, one after the other. */
const LIMIT_MS = 600_000;

const [, , url = "", jobsText = ""] = argv;
const browser = await startBrowser();
try {
  console.log(JSON.stringify(await measure(browser)));
} finally {
  await browser.dispose();
}

async function measure(person: Browser): Promise<object> {
  const jobs = Number(jobsText);
  // Signed in and with the pages in its cache.
  const { page, context } = await person.visit({ url, token: env["INTERNAL_API_TOKEN"] ?? "", path: "/about" });
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  const begun = performance.now();
  await page.goto("/jobs");
  await page.locator('[data-place="0"]').waitFor();
  const firstRowMs = performance.now() - begun;
  const steadyMs = await page.evaluate(scrollFrames, { frames: FRAMES, isFar: false });

  const loading = performance.now();
  await toTheEnd(page, `${jobs.toLocaleString("en-GB")} jobs, that is all`);
  const wholeMs = performance.now() - loading;
  const farMs = await page.evaluate(scrollFrames, { frames: FRAMES, isFar: true });

  const filtering = performance.now();
  await page.evaluate(() => scrollTo({ top: 0 }));
  await page.getByRole("link", { name: "canceled", exact: true }).click();
  await page.getByText("No job is like that").waitFor();
  const filterMs = performance.now() - filtering;
  await page.goBack();
  await page.locator('[data-place="0"]').waitFor();
  const rows = await page.locator("[data-place]").count();

  const session = await context.newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return { firstRowMs, steadyMs, wholeMs, farMs, filterMs, heapBytes: usedSize, rows };
}

/** Scrolls down until the list says that there are no more. */
async function toTheEnd(page: Page, words: string): Promise<void> {
  await page.evaluate(
    async ({ limitMs, end }) => {
      const giveUpAt = performance.now() + limitMs;
      while (!(document.querySelector("main")?.textContent ?? "").includes(end)) {
        if (performance.now() > giveUpAt) throw new Error(`"${end}" never came`);
        scrollTo({ top: document.documentElement.scrollHeight });
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    },
    { limitMs: LIMIT_MS, end: words },
  );
}

/** Milliseconds of each frame while the page is scrolled by 400 pixels a frame, or to another place each frame. */
async function scrollFrames({
  frames,
  isFar,
}: {
  readonly frames: number;
  readonly isFar: boolean;
}): Promise<readonly number[]> {
  const taken: number[] = [];
  let before = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
  for (let frame = 0; frame < frames; frame += 1) {
    const height = document.documentElement.scrollHeight;
    scrollTo({ top: isFar ? ((frame * 7_919) % frames) * (height / frames) : scrollY + 400 });
    const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    taken.push(now - before);
    before = now;
  }
  return taken;
}
