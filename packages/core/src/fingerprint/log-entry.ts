/**
 * One entry of a log, taken apart: level, time, message and fields, from JSON, logfmt, the operator's own pattern, or
 * whatever it is (`auto`). Nothing is refused: an entry that is not written as the operator says is all message.
 */

import { readHeader } from "./log-header.ts";
import { type LogLevel, logLevel, numberedLevel } from "./log-level.ts";

/** How lines of a log are written. */
export type LogFormat =
  | { readonly kind: "auto" | "json" | "logfmt" }
  /** With groups named `message`, and as there are `time`, `level`, `logger`; others become fields. */
  | { readonly kind: "pattern"; readonly pattern: RegExp };

/** An entry: a line with the lines that belong to it. */
export interface LogEntry {
  /** The first line without its header: what is grouped by. */
  readonly message: string;
  /** Lines below the first, and a trace that a field held; "" when there are none. */
  readonly detail: string;
  /** Where a trace is looked for. Its header stays: `panic: no` is the beginning of a trace, and no level of a log. */
  readonly whole: string;
  readonly level: LogLevel | null;
  readonly logger: string | null;
  /** Wall milliseconds; null when there is none, or none with its zone. */
  readonly at: number | null;
  /** What else it names, by flat name. At most 60. */
  readonly fields: Readonly<Record<string, string>>;
}

const FIELDS_MAX = 60;
const NAME_MAX = 64;
const MESSAGE_NAMES = ["message", "msg", "@message", "log.message", "event", "text", "log", "body"];
const LEVEL_NAMES = ["level", "severity", "lvl", "log.level", "levelname", "@level", "loglevel", "severity_text"];
const TIME_NAMES = ["time", "timestamp", "@timestamp", "ts", "@t", "t", "datetime", "date"];
const LOGGER_NAMES = ["logger", "logger_name", "log.logger", "name", "component", "module", "target"];
const TRACE_NAMES = [
  "stack",
  "stack_trace",
  "stacktrace",
  "exception",
  "exc_info",
  "traceback",
  "err.stack",
  "error.stack",
  "error.stack_trace",
];
const LOGFMT = /(?<!\S)([A-Za-z_@][\w.@/-]{0,63})=(?:"((?:[^"\\\n]|\\.){0,8000})"|([^\s"]{0,2000}))(?=\s|$)/g;

/** Reads an entry of at most some KiB; what is longer is cut by the caller. */
export function readEntry(format: LogFormat, entry: string): LogEntry {
  const end = entry.indexOf("\n");
  const first = end === -1 ? entry : entry.slice(0, end);
  const below = end === -1 ? "" : entry.slice(end + 1);
  switch (format.kind) {
    case "json":
      return fromJson(entry, "") ?? fromJson(first, below) ?? plain(first, below);
    case "logfmt":
      return fromLogfmt(first, below) ?? plain(first, below);
    case "pattern":
      return fromPattern(format.pattern, first, below) ?? plain(first, below);
    case "auto":
      return automatic(entry, first, below);
  }
}

function automatic(entry: string, first: string, below: string): LogEntry {
  if (first.startsWith("{")) {
    const json = fromJson(first, below) ?? fromJson(entry, "");
    if (json !== null) return json;
  }
  if (/^[\w.@-]{1,64}=|\s(?:msg|message)=/.test(first)) {
    const logfmt = fromLogfmt(first, below);
    if (logfmt !== null) return logfmt;
  }
  const header = readHeader(first);
  const { message, level, logger, time } = header;
  return { message, detail: below, whole: entry, level, logger, at: instant(time), fields: {} };
}

function plain(first: string, below: string): LogEntry {
  const whole = `${first}\n${below}`;
  return { message: first, detail: below, whole, level: null, logger: null, at: null, fields: {} };
}

function fromJson(text: string, below: string): LogEntry | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON, or cut in the middle: it is read as text.
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const flat = new Map<string, string>();
  flatten("", value, flat, 0);
  return fromFields(flat, text, below);
}

function flatten(prefix: string, value: object, into: Map<string, string>, depth: number): void {
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    if (into.size >= FIELDS_MAX) return;
    const name = `${prefix}${key}`;
    if (name.length > NAME_MAX || inner === null) continue;
    if (typeof inner === "object" && !Array.isArray(inner) && depth < 4) flatten(`${name}.`, inner, into, depth + 1);
    else into.set(name, typeof inner === "string" ? inner : written(inner));
  }
}

/** Reading JSON takes any depth, writing it does not: a line that could not be read would be read again for ever. */
function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "(nested too deep)";
  }
}

function fromLogfmt(first: string, below: string): LogEntry | null {
  const pairs = new Map<string, string>();
  for (const [, key = "", quoted, bare] of first.matchAll(LOGFMT)) {
    if (pairs.size >= FIELDS_MAX) break;
    pairs.set(key, quoted === undefined ? (bare ?? "") : unquote(quoted));
  }
  const named = MESSAGE_NAMES.some((name) => pairs.has(name));
  if (!named && !(pairs.size > 1 && LEVEL_NAMES.some((name) => pairs.has(name)))) return null;
  return fromFields(pairs, first, below);
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped === "t" ? "\t" : escaped));
}

function fromPattern(pattern: RegExp, first: string, below: string): LogEntry | null {
  pattern.lastIndex = 0;
  const groups = pattern.exec(first)?.groups;
  if (groups === undefined) return null;
  const named = Object.entries(groups) as [string, string | undefined][];
  return fromFields(
    new Map(named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    first,
    below,
  );
}

function fromFields(fields: Map<string, string>, whole: string, below: string): LogEntry {
  const take = (names: readonly string[]): string | null => {
    const name = names.find((candidate) => fields.has(candidate));
    const value = name === undefined ? undefined : fields.get(name);
    if (name !== undefined) fields.delete(name);
    return value ?? null;
  };
  const said = take(MESSAGE_NAMES);
  const level = take(LEVEL_NAMES);
  const time = take(TIME_NAMES);
  const logger = take(LOGGER_NAMES);
  const trace = take(TRACE_NAMES);
  // A message of several lines: the first is what it says, the rest goes with the lines below.
  const [message = "", ...rest] = (said ?? trace ?? whole).split("\n");
  const detail = [...rest, ...(said === null ? [] : [trace ?? ""]), below].filter((part) => part !== "").join("\n");
  return {
    message,
    detail,
    whole: `${message}\n${detail}`,
    level: level === null ? null : (logLevel(level.trim()) ?? numberedLevel(level.trim())),
    logger,
    at: time === null ? null : instant(time),
    fields: Object.fromEntries(fields),
  };
}

/** Instants that say which one they are: with a zone, or as seconds, milli-, micro- or nanoseconds since 1970. */
function instant(said: string | null): number | null {
  if (said === null) return null;
  const text = said.trim();
  if (/^\d{10}(?:\.\d{1,9})?$/.test(text)) return Math.round(Number(text) * 1_000);
  if (/^\d{13}(?:\d{3}|\d{6})?$/.test(text)) return Number(text.slice(0, 13));
  const zoned =
    /^(\d{4})[-/](\d{2})[-/](\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))? ?(Z|UTC|GMT|[+-]\d{2}:?\d{2})$/.exec(text);
  if (zoned === null) return null;
  const [, year, month, day, clock, fraction = "0", zone = "Z"] = zoned;
  const offset = /^[+-]/.test(zone) ? zone.replace(/^(...):?/, "$1:") : "Z";
  const at = Date.parse(`${year}-${month}-${day}T${clock}.${fraction.slice(0, 3).padEnd(3, "0")}${offset}`);
  return Number.isFinite(at) ? at : null;
}
