/**
 * How well log lines are grouped: compares the groups that Hive makes of labelled lines with the labels. A set is a pair
 * of files, as the public collections have them: `<name>.log`, and `<name>.log_structured.csv` whose columns `Content`
 * (the message without its header) and `EventId` (the label) say for each line which statement wrote it.
 *
 * A line counts as right when the lines grouped with it are exactly those that have its label: one stray line makes its
 * whole group wrong. So the figure is harsh, and comparable with what is published.
 */

import { LineGroups, type LogFormat, identifyEntry, readEntry } from "@hive/core";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What one set came to. */
export interface SetAccuracy {
  readonly name: string;
  readonly lines: number;
  /** Share of lines grouped right, 0 to 1, when the message is known. */
  readonly message: number;
  /** The same of whole lines, whose header Hive finds itself (or by the pattern given); null: there is no such file. */
  readonly line: number | null;
  /** Groups that were made of the messages, and labels there are. */
  readonly groups: number;
  readonly labels: number;
}

const STRUCTURED = "_structured.csv";

/**
 * Measures every set in a folder and the folders in it. `patterns.json` in the folder may give patterns for whole lines:
 * `{"<name>": "^(?<time>\\S+) (?<message>.*)$"}`.
 * @throws Error when a set has other columns, or another number of lines than its log
 */
export async function measureFolder(folder: string): Promise<readonly SetAccuracy[]> {
  const names = await readdir(folder, { recursive: true });
  const patterns = names.includes("patterns.json") ? await readPatterns(join(folder, "patterns.json")) : new Map();
  const sets: SetAccuracy[] = [];
  for (const name of names.filter((found) => found.endsWith(STRUCTURED)).sort()) {
    const log = name.slice(0, -STRUCTURED.length);
    const known = names.includes(log) ? log : null;
    sets.push(await measureSet(join(folder, name), known === null ? null : join(folder, known), patterns));
  }
  return sets;
}

async function measureSet(
  structured: string,
  log: string | null,
  patterns: ReadonlyMap<string, RegExp>,
): Promise<SetAccuracy> {
  const name = basename(structured, STRUCTURED).replace(/\.log$/, "");
  const { messages, labels } = readColumns(await readFile(structured, "utf8"), structured);
  const pattern = patterns.get(name);
  const format: LogFormat = pattern === undefined ? { kind: "auto" } : { kind: "pattern", pattern };
  const byMessage = groupsOf(messages);
  let line: number | null = null;
  if (log !== null) {
    const lines = (await readFile(log, "utf8")).split("\n").map((text) => text.replace(/\r$/, ""));
    if (lines.at(-1) === "") lines.pop();
    if (lines.length !== labels.length)
      throw new Error(`${log} has ${lines.length} lines and ${basename(structured)} labels ${labels.length}`);
    line = accuracyOf(groupsOf(lines, format), labels);
  }
  return {
    name: name === "" ? basename(dirname(structured)) : name,
    lines: labels.length,
    message: accuracyOf(byMessage, labels),
    line,
    groups: new Set(byMessage).size,
    labels: new Set(labels).size,
  };
}

/** The group of each line, as a source of type `logfile` makes them. Without a format the texts are messages already. */
function groupsOf(texts: readonly string[], format?: LogFormat): string[] {
  const groups = new LineGroups([], 0);
  const plain = { detail: "", level: null, logger: null, at: null, fields: {} };
  return texts.map((text) => {
    const entry = format === undefined ? { ...plain, message: text, whole: text } : readEntry(format, text);
    return identifyEntry(entry, groups).identity.join(" ");
  });
}

/** The share of lines whose group is exactly the lines with their label. */
export function accuracyOf(groups: readonly string[], labels: readonly string[]): number {
  const labelled = new Map<string, number>();
  const grouped = new Map<string, { labels: Set<string>; lines: number }>();
  for (const [index, label] of labels.entries()) {
    labelled.set(label, (labelled.get(label) ?? 0) + 1);
    const group = grouped.get(groups[index] ?? "") ?? { labels: new Set<string>(), lines: 0 };
    grouped.set(groups[index] ?? "", group);
    group.labels.add(label);
    group.lines += 1;
  }
  let right = 0;
  for (const group of grouped.values()) {
    const [label = "", ...others] = group.labels;
    if (others.length === 0 && labelled.get(label) === group.lines) right += group.lines;
  }
  return labels.length === 0 ? 0 : right / labels.length;
}

function readColumns(text: string, file: string): { readonly messages: string[]; readonly labels: string[] } {
  const [head = [], ...rows] = readCsv(text);
  const content = head.indexOf("Content");
  const label = head.indexOf("EventId");
  if (content === -1 || label === -1) throw new Error(`${file} has no columns Content and EventId`);
  return { messages: rows.map((row) => row[content] ?? ""), labels: rows.map((row) => row[label] ?? "") };
}

/** Rows of a comma-separated text with quotes. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/y;
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (found === null) throw new Error(`line ${rows.length + 1} is no comma-separated line`);
    const [, quoted, bare = "", end] = found;
    row.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

async function readPatterns(file: string): Promise<ReadonlyMap<string, RegExp>> {
  const given: unknown = JSON.parse(await readFile(file, "utf8"));
  return new Map(Object.entries(Object(given)).map(([name, pattern]) => [name, new RegExp(String(pattern), "u")]));
}
