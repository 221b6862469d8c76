import "uplot/dist/uPlot.min.css";
import type { History, HistoryRange } from "@hive/protocol";
import { useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { number, usd } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { duration, exactTime } from "../../ui/time.tsx";
import { Chart } from "./chart.tsx";
import { StatusLink, JobLink } from "./status-link.tsx";

const RANGES: readonly (readonly [HistoryRange, string])[] = [
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
];
const KEY = "hive.range";
/** The server makes it anew at most each ten seconds. */
const EVERY_MS = 20_000;

/** Milliseconds: from parts of a second to days. */
const WAIT_STEPS = [
  ...[100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000],
  ...[1, 2, 5, 10, 30, 60, 120, 360, 720, 1_440, 2_880, 10_080].map((minutes) => minutes * 60_000),
];
/** US dollars. */
const MONEY_STEPS = [0.001, 0.01, 0.1, 1, 10, 100, 1_000].flatMap((n) => [n, 2 * n, 5 * n]);

/** How it went: the queue, what ended, how long jobs waited, why they failed, what they cost. */
export function Charts() {
  const [range, setRange] = useState<HistoryRange>(
    () => RANGES.find(([each]) => each === localStorage.getItem(KEY))?.[0] ?? "24h",
  );
  const history = useApi("statsHistory", { query: { range } }, { everyMs: EVERY_MS, keep: true });

  function choose(next: HistoryRange): void {
    localStorage.setItem(KEY, next);
    setRange(next);
  }

  return (
    <Panel
      title="How it went"
      className="min-h-[36rem]"
      actions={
        <div role="group" aria-label="Range" className="flex gap-1">
          {RANGES.map(([each, words]) => (
            <button
              key={each}
              type="button"
              aria-pressed={range === each}
              onClick={() => choose(each)}
              className="min-h-8 rounded-md border border-transparent px-2.5 text-sm text-soft hover:bg-raised aria-pressed:border-strong aria-pressed:bg-raised aria-pressed:font-medium aria-pressed:text-ink pointer-coarse:min-h-10"
            >
              {words}
            </button>
          ))}
        </div>
      }
    >
      {history.error !== null && <Trouble error={history.error} onRetry={() => void history.refetch()} />}
      {history.isPending && <Loading rows={12} />}
      {history.data !== undefined && <Drawn history={history.data} />}
    </Panel>
  );
}

function Drawn({ history }: { readonly history: History }) {
  const { points, from, until, since, pointMs, failures, days } = history;
  const at = points.map((point) => point.at);
  const span = { from, until: until + pointMs, at };
  return (
    <>
      {since > from && (
        <p className="border-b border-line px-4 py-2 text-sm text-soft">
          It begins at {exactTime(since)}: what happened before is not kept, or is too much to be counted.
        </p>
      )}
      <div className="grid gap-x-8 gap-y-6 p-4 md:grid-cols-2 xl:grid-cols-3">
        <Chart
          title="Queue"
          about="Jobs that waited for a worker, and jobs at work"
          {...span}
          write={number}
          lines={[
            { name: "queued", colour: "--info", values: points.map(({ queued }) => queued) },
            { name: "running", colour: "--warn", dash: [6, 4], values: points.map(({ running }) => running) },
          ]}
        />
        <Chart
          title="Throughput"
          about="Jobs that ended"
          kind="stacked"
          {...span}
          write={number}
          lines={[
            { name: "succeeded", colour: "--good", values: points.map(({ succeeded }) => succeeded) },
            { name: "failed", colour: "--bad", values: points.map(({ failed }) => failed) },
            { name: "canceled", colour: "--strong", values: points.map(({ canceled }) => canceled) },
          ]}
        />
        <Chart
          title="Wait"
          about="How long jobs were queued before a worker got them"
          {...span}
          write={duration}
          writeShort={(ms) => duration(ms).replace(/ 00 (s|min)$/, "")}
          steps={WAIT_STEPS}
          lines={[
            {
              name: "half of them, at most",
              colour: "--info",
              values: points.map(({ wait }) => wait?.medianMs ?? null),
            },
            {
              name: "longest",
              colour: "--warn",
              dash: [6, 4],
              values: points.map(({ wait }) => wait?.longestMs ?? null),
            },
          ]}
        />
        <Chart
          title="Failures"
          about="Jobs that failed"
          kind="stacked"
          {...span}
          write={number}
          lines={[{ name: "failed", colour: "--bad", values: points.map(({ failed }) => failed) }]}
        >
          <Reasons failures={failures} />
        </Chart>
        <Cost days={days} />
      </div>
    </>
  );
}

function Reasons({ failures }: { readonly failures: History["failures"] }) {
  if (failures.length === 0) return <p className="mt-1 text-sm text-soft">No job failed in this time.</p>;
  return (
    <ul aria-label="Why jobs failed" className="mt-1 text-sm">
      {failures.map(({ reason, count, jobId }) => (
        <li key={reason} className="flex justify-between gap-3">
          <span className="outside-text truncate">
            {reason.replaceAll("_", " ")}, such as <JobLink jobId={jobId} />
          </span>
          <StatusLink status="failed" className="tabular">
            {number(count)}
          </StatusLink>
        </li>
      ))}
    </ul>
  );
}

/** Money is kept by day, so whatever range is chosen, this one has days. */
function Cost({ days }: { readonly days: History["days"] }) {
  const at = days.map(({ day }) => Date.parse(`${day}T00:00:00Z`));
  const first = at[0] ?? 0;
  const unpriced = days.reduce((sum, { unpricedCalls }) => sum + unpricedCalls, 0);
  return (
    <Chart
      title="Cost"
      about={`Of each of the last ${days.length} days, in UTC`}
      kind="stacked"
      from={first - 43_200_000}
      until={(at.at(-1) ?? first) + 43_200_000}
      at={at}
      write={usd}
      steps={MONEY_STEPS}
      writeTime={(day) => new Date(day).toISOString().slice(0, 10)}
      writeAxis={(day) => new Date(day).toISOString().slice(5, 10)}
      lines={[{ name: "spent", colour: "--honey", values: days.map((day) => day.usd) }]}
    >
      {unpriced > 0 && (
        <p className="mt-1 text-sm text-soft">
          {number(unpriced)} calls of models without a known price count at the dearest known one.
        </p>
      )}
    </Chart>
  );
}
