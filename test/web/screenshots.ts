/**
 * `npm run screenshots -- FOLDER [words]`: every screen, or those with one of the words in their names, in both colours and
 * on a phone, of a Hive in the middle of a day. For a person to look at.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESK, PHONE, startBrowser } from "./browser.ts";
import { clocksYaml, fillClocks } from "./lively-clocks.ts";
import { startLivelyHive } from "./lively-hive.ts";

/** Name of the picture, and the address. */
const SCREENS: readonly (readonly [name: string, path: string])[] = [
  ["hive", "/"],
  ["jobs", "/jobs"],
  ["job-succeeded", "/jobs/add-quick-start"],
  ["job-running", "/jobs/at-work"],
  ["job-failed", "/jobs/red-tests"],
  ["job-held", "/jobs/needs-approval"],
  ["job-conversation", "/jobs/add-quick-start?tab=conversation"],
  ["job-diff", "/jobs/add-quick-start?tab=diff"],
  ["job-events", "/jobs/add-quick-start?tab=events"],
  ["log", "/jobs/numbers/log"],
  ["new-job", "/new"],
  ["dependencies", "/dependencies"],
  ["schedules", "/schedules"],
  ["schedule", "/schedules/nightly-tests"],
  ["schedule-new", "/schedules?make=true"],
  ["calendar-week", "/schedules/calendar"],
  ["calendar-month", "/schedules/calendar?view=month"],
  ["sources", "/sources"],
  ["source", "/sources/prod-alerts"],
  ["source-held", "/sources/prod-alerts?part=held"],
  ["source-deliveries", "/sources/prod-alerts?part=deliveries"],
  ["source-dry-run", "/sources/prod-alerts?part=try"],
  ["workers", "/workers"],
  ["pools", "/pools"],
  ["callbacks", "/callbacks"],
  ["settings", "/settings"],
  ["about", "/about"],
];

const [folder = "screenshots", ...words] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const wanted = SCREENS.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));
const lively = await startLivelyHive(clocksYaml);
const browser = await startBrowser();
try {
  await fillClocks(lively.server);
  for (const [look, viewport, colors] of [
    ["light", DESK, "light"],
    ["dark", DESK, "dark"],
    ["phone", PHONE, "light"],
  ] as const) {
    const { url, token } = lively.server;
    const { page, context } = await browser.visit({ url, token, viewport, colors });
    for (const [name, path] of wanted) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null);
      const file = join(folder, `${name}-${look}.png`);
      await page.screenshot({ path: file });
      console.log(file);
    }
    await context.close();
  }
} finally {
  await Promise.all([browser.dispose(), lively.dispose()]);
}
