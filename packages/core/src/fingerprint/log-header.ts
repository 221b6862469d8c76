/**
 * Finds where the message of a log line begins when nobody said how the log is written: it takes instants, levels, names
 * of loggers, threads, processes and hosts off the front, one after the other, until something is none of them. Grouping
 * stands or falls with this: with its header a line is like all lines of its minute and unlike its own kind.
 */

import { type LogLevel, logLevel } from "./log-level.ts";

/** A line, taken apart. */
export interface LogHeader {
  /** As it is written; null: none was found. */
  readonly time: string | null;
  readonly level: LogLevel | null;
  readonly logger: string | null;
  readonly message: string;
}

const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const CLOCK = "\\d{1,2}:\\d{2}:\\d{2}(?:[.,:]\\d{1,9})?(?: ?(?:Z|UTC|GMT|[+-]\\d{2}:?\\d{2}))?";
const TIME = new RegExp(
  [
    `\\d{4}[-/.]\\d{2}[-/.]\\d{2}(?:[T _-]${CLOCK})?(?: (?:UTC|GMT|[A-Z]{2,3}T)(?= |\\]))?`,
    `\\d{2}[-/.]\\d{2}[-/.](?:\\d{4}|\\d{2})[T ,]{1,2}${CLOCK}`,
    `\\d{2}[-/]\\d{2} ${CLOCK}`,
    `\\d{2}/${MONTH}/\\d{4}[: ]${CLOCK}`,
    `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?${MONTH} {1,2}\\d{1,2}(?:,? \\d{4},?)? ${CLOCK}(?: \\d{4})?`,
    `\\d{2} ${MONTH} \\d{4} ${CLOCK}`,
    CLOCK,
    "1\\d{9}(?:\\d{3})?(?:\\.\\d{1,9})?(?=[ :\\]])",
  ].join("|"),
  "y",
);
const BRACKETS = /\[([^\][]{1,100})\]|<(\d{1,3})>|\(([\w.#/-]{1,60})\)(?=[ :])/y;
const WORD = /[A-Za-z]{1,13}(?=[\s:\]|,/-]|$)/y;
const NUMBER = /\d{1,9}(?=[\s:|\]-])/y;
/** A name with dots, slashes or `::` in it that is set off from what follows. */
const LOGGER =
  /[A-Za-z_$][\w$]{0,60}(?:(?:[./-]|::)[\w$]{1,80}){0,12}(?:\[[\w.#-]{1,60}\]|\([\w.#-]{1,60}\))?(?::\d{1,6})?(?=:|\s{1,20}(?:-{1,3}|:|\|)\s|\s?\||\])/y;
/** As syslog writes: a host, and a program with a colon behind it. */
const SYSLOG = /([\w.-]{1,255}) (?=[\w./@()-]{1,100}(?:\[\d{1,10}\])?: )/y;
const KLOG = /([IWEFD])(\d{4} \d{2}:\d{2}:\d{2}\.\d{6}) {1,9}\d{1,9} [\w./-]{1,200}:\d{1,9}\] /y;
const LETTERS: Readonly<Record<string, LogLevel>> = {
  I: "INFO",
  W: "WARN",
  E: "ERROR",
  F: "FATAL",
  D: "DEBUG",
  V: "TRACE",
};
const SEPARATORS = /(?:[\s|:,;>\u2502]|-{1,3}(?=\s))+/y;
/** Seconds since the start, as the kernel writes them at the front of its messages. */
const KERNEL_TIME = /^\[ {0,8}\d{1,9}\.\d{3,9}\] /;
const PARTS_MAX = 12;
const LOOKED_AT = 600;

/** The line, taken apart. A line without any header is all message. */
export function readHeader(line: string): LogHeader {
  const front = line.slice(0, LOOKED_AT);
  const found = { time: null as string | null, level: null as LogLevel | null, logger: null as string | null };
  let at = 0;
  const eat = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(front);
  };
  const klog = eat(KLOG);
  if (klog !== null) {
    const level = LETTERS[klog[1] ?? ""] ?? null;
    return { time: klog[2] ?? null, level, logger: null, message: line.slice(klog[0].length) };
  }
  // Ruby writes the level's letter before the instant, and its word behind it.
  at += eat(/[DIWEF], (?=\[\d)/y)?.[0].length ?? 0;
  for (let part = 0; part < PARTS_MAX; part += 1) {
    const separators = part === 0 ? null : eat(SEPARATORS);
    if (separators !== null) at += separators[0].length;
    const took = takePart(found, eat, part);
    if (took === 0) break;
    at += took;
    // A message of its own stands behind a lone dash or colon that follows the logger's name.
    if (found.logger !== null && /^\s?(?::|-{1,3}|\|) /.test(front.slice(at))) {
      at += eat(SEPARATORS)?.[0].length ?? 0;
      break;
    }
  }
  if (found.time === null && found.level === null) return { ...found, logger: null, message: line };
  const message = line.slice(at).replace(KERNEL_TIME, "");
  return { ...found, message: message === "" ? line : message };
}

/** True when a line begins as lines of logs do: with an instant or a level. */
export function startsWithHeader(line: string): boolean {
  const header = readHeader(line);
  return header.time !== null || header.level !== null;
}

type Found = { time: string | null; level: LogLevel | null; logger: string | null };

/** Takes what stands at the front; gives its length, 0 when it belongs to the message. */
function takePart(found: Found, eat: (pattern: RegExp) => RegExpExecArray | null, part: number): number {
  const time = found.time === null ? eat(TIME) : null;
  if (time !== null) {
    found.time = time[0];
    return time[0].length;
  }
  const brackets = eat(BRACKETS);
  if (brackets !== null) return takeBrackets(found, brackets, part);
  const word = eat(WORD)?.[0];
  if (word !== undefined && found.level === null) {
    const level = word.length === 1 && found.time !== null ? (LETTERS[word] ?? null) : levelWord(word, eat, found);
    if (level !== null) {
      found.level = level;
      return word.length;
    }
  }
  if (found.time === null && found.level === null) return 0;
  const host = found.level === null && found.logger === null && part === 1 ? eat(SYSLOG) : null;
  if (host !== null) return host[0].length;
  const logger = found.logger === null ? eat(LOGGER) : null;
  if (logger !== null && (found.level !== null || /[.[(]/.test(logger[0]) || part <= 2)) {
    found.logger = logger[0].replace(/[[(].*$/, "");
    // Laravel and others: `production.ERROR`.
    found.level ??= logLevel(/\.([A-Z]+)$/.exec(found.logger)?.[1] ?? "");
    return logger[0].length;
  }
  return eat(NUMBER)?.[0].length ?? 0;
}

function takeBrackets(found: Found, brackets: RegExpExecArray, part: number): number {
  const inner = brackets[1] ?? "";
  const level = found.level === null ? logLevel(inner.trim().split(/[:.]/).at(-1) ?? "") : null;
  TIME.lastIndex = 0;
  const time = found.time === null ? TIME.exec(inner) : null;
  if (time !== null) found.time = time[0];
  else if (level !== null) found.level = level;
  // A bracket at the very front of a line that is nothing known may be the message's own.
  else if (found.time === null && found.level === null && part > 1) return 0;
  return brackets[0].length;
}

/** A level in capitals, or one with a colon, bar or bracket behind it: "Error: x" is one, "error while reading" is not. */
function levelWord(word: string, eat: (pattern: RegExp) => RegExpExecArray | null, found: Found): LogLevel | null {
  const level = logLevel(word);
  if (level === null) return null;
  if (word === word.toUpperCase()) return level;
  const setOff = eat(/[A-Za-z]{1,13}(?=\s?[:|\]])/y) !== null;
  return setOff || found.time !== null ? level : null;
}
