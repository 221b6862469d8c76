import { useEffect, useEffectEvent, useMemo, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "../../shell/theme.ts";
import { useIsDark } from "./use-is-dark.ts";

export interface Line {
  readonly name: string;
  /** A colour of styles.css, such as `--good`. */
  readonly colour: string;
  /** For who cannot tell the colours apart: pixels drawn and left out. */
  readonly dash?: readonly number[];
  /** Null: nothing is known, which is not 0. */
  readonly values: readonly (number | null)[];
}

export interface PlotProps {
  readonly label: string;
  readonly from: number;
  readonly until: number;
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly isStacked: boolean;
  readonly write: (value: number) => string;
  /** What may be between two lines of the grid, ascending. */
  readonly steps: readonly number[];
  /** At the time axis. */
  readonly writeAxis: (at: number) => string;
  /** Which value the pointer is at; null: none. */
  readonly onPoint: (place: number | null) => void;
}

const HEIGHT = 160;

/** The drawing itself, on a canvas that follows the width there is and the colours of the page. */
export function Plot({ label, from, until, at, lines, isStacked, write, steps, writeAxis, onPoint }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const pointTo = useEffectEvent((index: number | null) => onPoint(index));
  const format = useEffectEvent((value: number) => write(value));
  const formatAxis = useEffectEvent((time: number) => writeAxis(time));
  const isDark = useIsDark();
  const theme = useTheme();
  const shape = JSON.stringify(
    lines.map(({ name, colour, dash, values }) => [name, colour, dash ?? null, values.includes(null)]),
  );
  const span = JSON.stringify([from, until]);
  const data = useMemo(() => dataOf(at, lines, isStacked), [at, lines, isStacked]);
  const latest = useEffectEvent(() => data);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf({
        width: element.clientWidth,
        lines: JSON.parse(shape) as Shape[],
        span: JSON.parse(span) as [number, number],
        isStacked,
        steps: [...steps],
        write: (value) => format(value),
        writeAxis: (time) => formatAxis(time),
        onPoint: (index) => pointTo(index),
      }),
      latest(),
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, span, isStacked, isDark, theme]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={place} role="img" aria-label={label} className="mt-1" style={{ height: HEIGHT }} />;
}

/** Seconds, then the lines. Of bars on one another each line is the sum of itself and those before, the highest first. */
function dataOf(at: readonly number[], lines: readonly Line[], isStacked: boolean): uPlot.AlignedData {
  const seconds = at.map((ms) => ms / 1_000);
  if (!isStacked) return [seconds, ...lines.map(({ values }) => [...values])];
  let below: (number | null)[] = at.map(() => null);
  const sums = lines.map(({ values }) => {
    below = values.map((value, place) => {
      const under = below[place] ?? null;
      return value === null && under === null ? null : (value ?? 0) + (under ?? 0);
    });
    return below;
  });
  return [seconds, ...sums.toReversed()];
}

type Shape = readonly [name: string, colour: string, dash: number[] | null, hasGaps: boolean];

interface Drawing {
  readonly width: number;
  readonly lines: readonly Shape[];
  readonly span: readonly [from: number, until: number];
  readonly isStacked: boolean;
  readonly steps: number[];
  readonly write: (value: number) => string;
  readonly writeAxis: (at: number) => string;
  readonly onPoint: (place: number | null) => void;
}

function optionsOf({
  width,
  lines,
  span: [from, until],
  isStacked,
  steps,
  write,
  writeAxis,
  onPoint,
}: Drawing): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const bars = uPlot.paths.bars?.({ size: [0.85, 36], radius: 0.1 });
  const series = lines.map(([label, name, dash, hasGaps]): uPlot.Series => {
    const stroke = colour(name);
    if (isStacked)
      return {
        label,
        stroke,
        fill: stroke,
        width: 0,
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      };
    return {
      label,
      stroke,
      width: 2,
      ...(dash === null ? {} : { dash }), // Between two gaps a value has no line.
      points: { show: hasGaps, size: 5, fill: stroke },
    };
  });
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    // What is drawn later covers what is below it.
    series: [{}, ...(isStacked ? series.toReversed() : series)],
    scales: {
      x: { range: [from / 1_000, until / 1_000] },
      y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] },
    },
    axes: [
      { ...axis, size: 28, space: 70, values: (_, values) => values.map((value) => writeAxis(value * 1_000)) },
      { ...axis, size: 62, incrs: steps, values: (_, values) => values.map((value) => write(value)) },
    ],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  };
}
