/** The part of an address that names lines: `#L12`, or `#L12-L40`. Lines are counted from 1 there and from 0 everywhere else. */
import type { Lines } from "./selected-lines.ts";

export function linesOf(hash: string): Lines | null {
  const [, first = "", last = first] = /^#?L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash) ?? [];
  const ends = [Number(first) - 1, Number(last) - 1];
  return first === "" || ends.some((end) => end < 0) ? null : { from: Math.min(...ends), to: Math.max(...ends) };
}

export function hashOf({ from, to }: Lines): string {
  return from === to ? `L${from + 1}` : `L${from + 1}-L${to + 1}`;
}
