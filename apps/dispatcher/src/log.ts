/** The server's own log: readable lines for people, JSON for programs. Never a token, a body or a prompt. */

import pino, { type Logger } from "pino";

const LEVELS: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "WARN ", 50: "ERROR", 60: "FATAL" };
/** Fields every line has, or that have a place of their own in a readable line. */
const PLACED = new Set(["level", "time", "msg", "pid", "hostname", "err", "jobId"]);

/** A logger that writes to standard error, so that standard output is left to what a person asked for. */
export function createLog(kind: "text" | "json" | "off"): Logger {
  if (kind === "off") return pino({ level: "silent" });
  const base = { base: null, level: "info" };
  if (kind === "json") return pino(base, pino.destination({ dest: 2, sync: true }));
  return pino(base, { write: (line: string) => void process.stderr.write(readable(line)) });
}

/** `12:34:56 WARN  job-id: message field=value`, and the error with its causes below. */
export function readable(line: string): string {
  const entry = JSON.parse(line) as Record<string, unknown> & { readonly msg?: string };
  const time = new Date(Number(entry["time"])).toISOString().slice(11, 19);
  const fields = Object.entries(entry).filter(([name]) => !PLACED.has(name));
  const shown = fields.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const job = typeof entry["jobId"] === "string" ? `${entry["jobId"]}: ` : "";
  const head = [time, LEVELS[Number(entry["level"])] ?? "info ", `${job}${entry.msg ?? ""}`, ...shown].join(" ");
  const error = entry["err"] as { stack?: string; message?: string } | undefined;
  const text =
    error === undefined ? head : `${head}\n    ${(error.stack ?? error.message ?? "").split("\n").join("\n    ")}`;
  // Whatever a client sent may be part of a message: nothing in it may steer a terminal.
  return `${text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, "?")}\n`;
}
