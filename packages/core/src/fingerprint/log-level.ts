/** The levels of logs, whatever each library calls them. */

import type { Severity } from "../signal.ts";

/** What `level` may be, from chatty to worst. */
export type LogLevel = "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";

const NAMES: Readonly<Record<string, LogLevel>> = {
  trace: "TRACE",
  finest: "TRACE",
  finer: "TRACE",
  verbose: "TRACE",
  debug: "DEBUG",
  fine: "DEBUG",
  info: "INFO",
  information: "INFO",
  informational: "INFO",
  notice: "INFO",
  log: "INFO",
  warn: "WARN",
  warning: "WARN",
  err: "ERROR",
  error: "ERROR",
  severe: "ERROR",
  crit: "FATAL",
  critical: "FATAL",
  fatal: "FATAL",
  alert: "FATAL",
  emerg: "FATAL",
  emergency: "FATAL",
  panic: "FATAL",
};

/** The level of this name, in any case; null: it is none. */
export function logLevel(name: string): LogLevel | null {
  return Object.hasOwn(NAMES, name.toLowerCase()) ? (NAMES[name.toLowerCase()] ?? null) : null;
}

/** The level of a number as bunyan and pino write it, 10 to 60; null: it is none. */
export function numberedLevel(number: string): LogLevel | null {
  if (!/^[1-6]0$/.test(number)) return null;
  return (["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const)[Number(number[0]) - 1] ?? null;
}

/** How bad a line of this level is. */
export function severityOfLevel(level: LogLevel): Severity {
  switch (level) {
    case "TRACE":
    case "DEBUG":
    case "INFO":
      return "info";
    case "WARN":
      return "warning";
    case "ERROR":
      return "error";
    case "FATAL":
      return "critical";
  }
}
