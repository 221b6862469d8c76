/** The figures as text for people: one line when a row ends, one table at the end. */
import type { Machine } from "./machine.ts";
import type { Goal, Judged, Size } from "./row.ts";

/** The lines above everything else. */
export function machineLines(machine: Machine, size: Size): string[] {
  const { cores, processor, memoryGiB, system, node, redis, git, loadBefore } = machine;
  const lines = [
    `Machine   ${cores} cores (${processor}), ${memoryGiB} GiB, ${system}`,
    `Programs  Node ${node}, Redis ${redis}, git ${git}`,
    `Size      ${size}`,
  ];
  if (loadBefore > 0.5) lines.push(`Caution   the machine is busy (load ${loadBefore}): the figures below are too`);
  return lines;
}

/** One figure, right after its row. */
export function figureLine(figure: Judged): string {
  const against =
    figure.anchor === undefined
      ? ""
      : `, ${times(figure.ratio)} of ${amount(figure.anchor.value, figure.unit)} (${figure.anchor.name})`;
  const note = figure.note === undefined ? "" : `\n      ${figure.note}`;
  return `   ${figure.name}: ${amount(figure.value, figure.unit)}${against}; ${verdict(figure)}${note}`;
}

/** All figures. */
export function table(figures: readonly Judged[]): string {
  const lines = figures.map((one) => [
    one.row,
    one.name,
    amount(one.value, one.unit),
    one.anchor === undefined ? "" : `${one.anchor.name}: ${amount(one.anchor.value, one.unit)}`,
    times(one.ratio),
    one.goal === undefined ? "" : goalText(one.goal, one.unit),
    verdict(one),
  ]);
  const all = [["row", "what", "Hive", "anchor", "ratio", "goal", "met?"], ...lines];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((line) => (line[column] ?? "").length)));
  const text = all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [text[0], widths.map((width) => "-".repeat(width)).join("  "), ...text.slice(1)].join("\n");
}

function verdict({ met, missedBy }: Judged): string {
  if (met === null) return "no goal";
  return met ? "met" : `missed by ${missedBy >= 0.1 ? (missedBy * 100).toFixed(0) : (missedBy * 100).toFixed(1)} %`;
}

function goalText(goal: Goal, unit: string): string {
  const sign = goal.at === "least" ? ">=" : "<=";
  return goal.of === "ratio" ? `${sign} ${goal.bound} x` : `${sign} ${amount(goal.bound, unit)}`;
}

function times(ratio: number | null): string {
  return ratio === null ? "" : `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)} x`;
}

function amount(value: number, unit: string): string {
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits })} ${unit}`;
}
