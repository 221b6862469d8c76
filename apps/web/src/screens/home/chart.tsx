import { type ReactNode, useId, useState } from "react";
import { exactTime } from "../../ui/time.tsx";
import { type Line, Plot } from "./plot.tsx";

export interface ChartProps {
  readonly title: string;
  readonly about: string;
  readonly from: number;
  readonly until: number;
  /** Where each value stands. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  /** `stacked`: bars on one another. Default: lines. */
  readonly kind?: "lines" | "stacked";
  readonly write: (value: number) => string;
  /** Default: to the second, in the viewer's zone. */
  readonly writeTime?: (at: number) => string;
  /** Default: hours, or days where there are many. */
  readonly writeAxis?: (at: number) => string;
  /** At the axis of the values. Default: as `write` does. */
  readonly writeShort?: (value: number) => string;
  /** What may be between two lines of the grid, ascending. Default: whole numbers. */
  readonly steps?: readonly number[];
  readonly children?: ReactNode;
}

const WHOLE: readonly number[] = [1, 10, 100, 1_000, 10_000, 100_000].flatMap((n) => [n, 2 * n, 5 * n]);
const LONG_MS = 2 * 86_400_000;
const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A chart, what its colours mean, the values where the pointer is, and all values as a table. */
export function Chart({
  title,
  about,
  from,
  until,
  at,
  lines,
  kind = "lines",
  write,
  writeTime = exactTime,
  writeAxis = (time) => (until - from > LONG_MS ? days : hours).format(time),
  steps = WHOLE,
  writeShort = write,
  children,
}: ChartProps) {
  const id = useId();
  const [pointed, setPointed] = useState<number | null>(null);
  const place = pointed ?? at.length - 1;
  return (
    <section aria-labelledby={id} className="min-w-0">
      <h3 id={id} className="text-sm font-semibold">
        {title}
      </h3>
      <p className="text-xs text-soft">{about}</p>
      <div className="mt-1 flex min-h-5 flex-wrap gap-x-4 text-xs">
        <dl className="flex flex-wrap gap-x-4">
          {lines.map(({ name, colour, values }) => (
            <div key={name} className="flex items-center gap-1.5">
              <dt className="flex items-center gap-1.5 text-soft">
                <span aria-hidden className="size-2.5 rounded-sm" style={{ background: `var(${colour})` }} />
                {name}
              </dt>
              <dd className="tabular font-medium">{writeValue(values[place], write)}</dd>
            </div>
          ))}
        </dl>
        <p className="tabular text-soft">{pointed === null ? "latest" : writeTime(at[pointed] ?? from)}</p>
      </div>
      <Plot
        label={`${title}: ${about}. The table below has the values.`}
        from={from}
        until={until}
        at={at}
        lines={lines}
        isStacked={kind === "stacked"}
        write={writeShort}
        steps={steps}
        writeAxis={writeAxis}
        onPoint={setPointed}
      />
      {children}
      <details className="mt-1 text-xs">
        <summary className="w-fit py-1 text-soft">Table</summary>
        <div tabIndex={0} role="region" aria-label={`${title} as a table`} className="max-h-64 overflow-auto">
          <table className="tabular w-full text-left">
            <thead className="sticky top-0 bg-panel">
              <tr>
                <th scope="col" className="pr-3 font-medium">
                  Time
                </th>
                {lines.map(({ name }) => (
                  <th key={name} scope="col" className="pr-3 font-medium">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at
                .map((time, row) => (
                  <tr key={time} className="border-t border-line">
                    <th scope="row" className="pr-3 font-normal whitespace-nowrap">
                      {writeTime(time)}
                    </th>
                    {lines.map(({ name, values }) => (
                      <td key={name} className="pr-3">
                        {writeValue(values[row], write)}
                      </td>
                    ))}
                  </tr>
                ))
                .toReversed()}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  );
}

function writeValue(value: number | null | undefined, write: (value: number) => string): string {
  return value === null || value === undefined ? "–" : write(value);
}
