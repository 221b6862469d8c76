/**
 * What the worker says on standard error: lines for people (`docker logs -f hive-worker-1` tells what it does, job by
 * job), or JSON for the program that started it. Never a token, and nothing of a job's own output: that is its log.
 */

import { destination, type Logger, pino } from "pino";
import type { WorkerConfig } from "./config.ts";

const LEVELS: Readonly<Record<number, string>> = { 20: "debug ", 40: "WARN ", 50: "ERROR ", 60: "FATAL " };
/** Fields with a place of their own in a line, or that people have no use for. */
const PLACED = new Set(["level", "time", "msg", "err", "jobId", "fence"]);

/** The worker's logger. */
export function createLog({ log, logLevel }: Pick<WorkerConfig, "log" | "logLevel">): Logger {
  if (log === "off") return pino({ level: "silent" });
  const options = { level: logLevel, base: null };
  if (log === "json") return pino(options, destination({ fd: 2, sync: true }));
  return pino(options, { write: (line: string) => void process.stderr.write(readable(line)) });
}

/** `12:34:56 demo-1: message  field=value`, and an error with its stack below. */
export function readable(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown> & { readonly msg?: string };
  const time = new Date(Number(entry["time"])).toISOString().slice(11, 19);
  const level = LEVELS[Number(entry["level"])] ?? "";
  const job = typeof entry["jobId"] === "string" ? `${entry["jobId"]}: ` : "";
  const fields = Object.entries(entry)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => `  ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const error = entry["err"] as { stack?: string; message?: string } | undefined;
  const below = error === undefined ? "" : `\n    ${(error.stack ?? error.message ?? "").replaceAll("\n", "\n    ")}`;
  const text = `${time} ${level}${job}${entry.msg ?? ""}${fields.join("")}${below}`;
  // A job's id or a server's words may be part of it: nothing in it may steer a terminal.
  return `${text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, "?")}\n`;
}
