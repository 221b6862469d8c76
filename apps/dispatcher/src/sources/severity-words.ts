/** The words that systems use for how bad something is, as Hive's four. */

import type { Severity } from "@hive/core";

const WORDS: Readonly<Record<Severity, readonly string[]>> = {
  critical: ["critical", "crit", "fatal", "emergency", "emerg", "alert", "panic", "page", "disaster", "p1", "sev1"],
  error: ["error", "err", "high", "major", "severe", "failure", "p2", "sev2"],
  warning: ["warning", "warn", "medium", "minor", "average", "p3", "sev3"],
  info: ["info", "information", "informational", "notice", "low", "debug", "trace", "none", "ok", "p4", "p5", "sev4"],
};
const byWord = new Map<string, Severity>(
  Object.entries(WORDS).flatMap(([severity, words]) => words.map((word) => [word, severity as Severity] as const)),
);

/** Null for a word nobody knows. */
export function severityOf(word: string): Severity | null {
  return byWord.get(word.trim().toLowerCase()) ?? null;
}
