/** What people and programs read: tables, or JSON with `--json`. */

import { stripVTControlCharacters } from "node:util";

/** Text from a job (names, messages) without anything that could steer a terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}

/** Columns aligned by the widest cell. The last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(plain));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** How long something took or takes: `850 ms`, `12.3 s`, `4 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

export interface Output {
  /** True with `--json`: nothing but the answer is written. */
  readonly quiet: boolean;
  /** The answer of a command: the value as JSON, or the text for people. */
  answer(value: unknown, text: () => string): void;
  /** A line for people; nothing with `--json`. */
  say(line: string): void;
}

/** Writes to standard output. */
export function createOutput(json: boolean): Output {
  return {
    quiet: json,
    answer: (value, text) => {
      const line = json ? JSON.stringify(value, null, 2) : text();
      if (line !== "") process.stdout.write(`${line}\n`);
    },
    say: (line) => {
      if (!json) process.stdout.write(`${line}\n`);
    },
  };
}
