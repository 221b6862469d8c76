/** Which lines are rows: those of a folded phase are not, its first one stands for them. */
import type { Phase } from "./log-book.ts";

interface Hidden {
  /** The first line that is no row, and the first behind it that is one again. */
  readonly from: number;
  readonly to: number;
}

export interface Folds {
  readonly rows: number;
  readonly lineOf: (row: number) => number;
  /** The row of a line; of one that is hidden, its phase's. */
  readonly rowOf: (line: number) => number;
}

/** `folded`: first lines of phases. */
export function foldsOf(lines: number, phases: readonly Phase[], folded: ReadonlySet<number>): Folds {
  const hidden: Hidden[] = [];
  if (folded.size > 0) {
    for (const [at, { line }] of phases.entries()) {
      const to = phases[at + 1]?.line ?? lines;
      if (folded.has(line) && to > line + 1) hidden.push({ from: line + 1, to });
    }
  }
  const rows = hidden.reduce((left, { from, to }) => left - (to - from), lines);
  return {
    rows,
    lineOf(row) {
      let line = row;
      for (const { from, to } of hidden) {
        if (line < from) break;
        line += to - from;
      }
      return line;
    },
    rowOf(line) {
      let before = 0;
      for (const { from, to } of hidden) {
        if (line < from) break;
        if (line < to) return from - 1 - before;
        before += to - from;
      }
      return line - before;
    },
  };
}

/** The phase that a line belongs to. */
export function phaseOf(phases: readonly Phase[], line: number): Phase | undefined {
  return phases.findLast((phase) => phase.line <= line);
}
