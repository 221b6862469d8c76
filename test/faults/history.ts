/**
 * The record of one run of the fault suite: every observation with the moment it was made, kept in memory for the
 * checkers and written as JSON lines, so that a red run can be read afterwards.
 */
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry } from "../sim/history.ts";

/** Milliseconds of the machine's monotonic clock: comparable between the processes of one run. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface RunHistory {
  readonly entries: Entry[];
  /** The JSON lines. */
  readonly path: string;
  add(entry: Entry): void;
  /** A mark in the life of the run: a kill, a restart. */
  mark(what: string): void;
  remove(): void;
}

/** A new history; its file stays until `remove`. */
export function openHistory(name: string): RunHistory {
  const path = join(tmpdir(), `hive-${name}-${process.pid}.jsonl`);
  const entries: Entry[] = [];
  writeFileSync(path, "");
  const add = (entry: Entry): void => {
    entries.push(entry);
    appendFileSync(path, `${JSON.stringify(entry)}\n`);
  };
  return {
    entries,
    path,
    add,
    mark: (what) => add({ kind: "world", at: monotonicMs(), what }),
    remove: () => rmSync(path, { force: true }),
  };
}
