/**
 * How the log viewer does with a long log, in Chromium. `node measure-log.ts URL JOB LINES`, with the token in
 * INTERNAL_API_TOKEN; prints JSON in its last line. The bench's row `log-viewer` makes the log and starts this.
 */
import { argv, env } from "node:process";
import { type Browser, startBrowser } from "./browser.ts";
import { logOf } from "./log-screen.ts";

/** Frames of each kind of scrolling. */
const FRAMES = 240;

const [, , url = "", jobId = "", linesText = ""] = argv;
const browser = await startBrowser();
try {
  console.log(JSON.stringify(await measure(browser)));
} finally {
  await browser.dispose();
}

async function measure(person: Browser): Promise<object> {
  const lines = Number(linesText);
  // Signed in and with the pages in its cache, as who comes from the job is.
  const { page, context } = await person.visit({ url, token: env["INTERNAL_API_TOKEN"] ?? "", path: `/jobs/${jobId}` });
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  const begun = performance.now();
  await page.goto(`/jobs/${jobId}/log`);
  await page.locator('[data-line="0"] .log-text').getByText("line 0 ").waitFor();
  const firstLineMs = performance.now() - begun;
  await page.getByText("Complete").waitFor({ timeout: 600_000 });
  const wholeMs = performance.now() - begun;
  await page.getByText(`${lines.toLocaleString("en-GB")} lines,`).waitFor();

  const steadyMs = await logOf(page).evaluate(scrollFrames, { frames: FRAMES, isFar: false });
  const farMs = await logOf(page).evaluate(scrollFrames, { frames: FRAMES, isFar: true });

  const searching = performance.now();
  await page.getByRole("textbox", { name: "Search in the log" }).fill(`line ${lines - 1} `);
  await page.getByText("1 of 1 line", { exact: true }).waitFor({ timeout: 600_000 });
  const searchMs = performance.now() - searching;

  const session = await context.newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await session.send("Runtime.getHeapUsage");
  const rows = await page.locator("[data-line]").count();
  return { firstLineMs, wholeMs, steadyMs, farMs, searchMs, heapBytes: usedSize + backingStorageSize, rows };
}

/** Milliseconds of each frame while the log is scrolled by 400 pixels a frame, or to another place each frame. */
async function scrollFrames(
  view: Element,
  { frames, isFar }: { readonly frames: number; readonly isFar: boolean },
): Promise<readonly number[]> {
  const taken: number[] = [];
  let before = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
  for (let frame = 0; frame < frames; frame += 1) {
    if (isFar) view.scrollTop = ((frame * 7_919) % frames) * (view.scrollHeight / frames);
    else view.scrollTop += 400;
    const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    taken.push(now - before);
    before = now;
  }
  return taken;
}
