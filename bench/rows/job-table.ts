/** How the list of jobs does with very many of them: in Chromium, from a real dispatcher. */
import { buildWebUi } from "../../scripts/web-ui.ts";
import { API_TOKEN, startDispatcher } from "../dispatcher.ts";
import { percentile, type Row } from "../row.ts";
import { putJobsIn } from "./put-jobs-in.ts";

export const jobTableRow: Row = {
  name: "job-table",
  about: "very many jobs in a browser: first row, scrolling, a filter, memory",
  async run({ stage, pick, say }) {
    const jobs = pick({ quick: 2_000, usual: 100_000, full: 300_000 });
    await buildWebUi();
    const dispatcher = await startDispatcher(stage);
    await putJobsIn(dispatcher.port, jobs);
    const size = `${jobs.toLocaleString("en-US")} jobs`;
    say(size);
    const measured = (await stage.measure("../../test/web/measure-jobs.ts", [dispatcher.url, String(jobs)], [], {
      INTERNAL_API_TOKEN: API_TOKEN,
    })) as Measured;
    return [
      {
        name: "to the first row, the page's own loading included",
        value: measured.firstRowMs,
        unit: "ms",
        goal: { of: "value", at: "most", bound: 1_000 },
        note: size,
      },
      {
        name: "p95 of frames while scrolling on, rows being fetched",
        value: percentile(measured.steadyMs, 0.95),
        unit: "ms",
        goal: { of: "value", at: "most", bound: 34 },
        note: "without a graphics card; a screen's own frame takes 16.7 ms",
      },
      { name: "until somebody who only scrolls down has every row", value: measured.wholeMs, unit: "ms" },
      {
        name: "p95 of frames while jumping through all of them",
        value: percentile(measured.farMs, 0.95),
        unit: "ms",
      },
      { name: "from the click on a status to its list", value: measured.filterMs, unit: "ms" },
      {
        name: "heap of the page with every row",
        value: measured.heapBytes / 1e6,
        unit: "MB",
        goal: { of: "value", at: "most", bound: 200 },
        note: `${measured.rows} rows are elements of the page`,
      },
    ];
  },
};

interface Measured {
  readonly firstRowMs: number;
  readonly steadyMs: readonly number[];
  readonly wholeMs: number;
  readonly farMs: readonly number[];
  readonly filterMs: number;
  readonly heapBytes: number;
  readonly rows: number;
}
