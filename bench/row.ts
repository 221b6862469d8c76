/**
 * What a measurement is: a row runs on a stage and gives figures, each judged against a goal that was set before it was
 * measured. A missed goal is a result like any other; only a measurement that could not be made is an error.
 */
import type { Stage } from "./stage.ts";

/** What a figure must reach. `of: "ratio"` judges the value divided by its anchor, `of: "value"` the value itself. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly at: "least" | "most";
  readonly bound: number;
}

/** One measured number. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** Such as `jobs/s`, `ms`, `B`. */
  readonly unit: string;
  /** What it is measured against, in the same unit and the same run. */
  readonly anchor?: { readonly name: string; readonly value: number };
  readonly goal?: Goal;
  /** What a reader must know to read the number rightly. */
  readonly note?: string;
}

/** A figure with its verdict. */
export interface Judged extends Figure {
  readonly row: string;
  /** Value divided by anchor, where there is one. */
  readonly ratio: number | null;
  /** Null: there is no goal. */
  readonly met: boolean | null;
  /** How far from the goal, as a share of the goal; 0 where it is met. */
  readonly missedBy: number;
}

/** How large a run is. `quick` proves that the bench works, its figures mean nothing; `full` takes the million-job rows. */
export type Size = "quick" | "usual" | "full";

/** What a row may use. */
export interface RowContext {
  readonly stage: Stage;
  readonly size: Size;
  /** The number for this size. */
  readonly pick: (sizes: Readonly<Record<Size, number>>) => number;
  /** Says in one line what is being done. */
  readonly say: (line: string) => void;
}

/** One row of DESIGN's table of goals. */
export interface Row {
  /** For `--only`. */
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly run: (context: RowContext) => Promise<readonly Figure[]>;
}

/** Adds the verdict. */
export function judge(row: string, figure: Figure): Judged {
  const { anchor, goal, value } = figure;
  const ratio = anchor === undefined ? null : value / anchor.value;
  if (goal === undefined) return { ...figure, row, ratio, met: null, missedBy: 0 };
  const judged = goal.of === "ratio" ? ratio : value;
  if (judged === null) throw new Error(`${row}: ${figure.name} has a goal for a ratio and no anchor`);
  const met = goal.at === "least" ? judged >= goal.bound : judged <= goal.bound;
  const away = Math.abs(judged - goal.bound);
  return { ...figure, row, ratio, met, missedBy: met ? 0 : goal.bound === 0 ? away : away / goal.bound };
}

/** The middle one of an odd number of runs; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, two) => one - two);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("the median of nothing");
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The value that a share `p` (0 to 1) of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((one, two) => one - two);
  const found = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (found === undefined) throw new Error("a percentile of nothing");
  return found;
}
