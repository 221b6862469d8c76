/**
 * Reads stack traces of Java, Python, Node and Go, and says what makes two of them the same trouble: the type of the error
 * and its first frames, without line numbers, hashes and versions. An error whose message names a user is one trouble,
 * not one per user.
 */

import { ANY } from "./masks.ts";

/** A trace found in a text. */
export interface StackTrace {
  readonly language: "java" | "python" | "node" | "go";
  /** Such as `java.lang.IllegalStateException`; for Go, `panic` or `fatal error`. */
  readonly type: string;
  /** What the error says, its first line. */
  readonly message: string;
  /** Where it happened, innermost first, without what a rebuild changes. At most five. */
  readonly frames: readonly string[];
}

/** Frames that decide. Deeper ones change with every refactoring of the callers. */
const FRAMES = 5;
const LINES_LOOKED_AT = 2_000;
const LINE_LOOKED_AT = 1_000;

const AT = /^\s+at (?:async |new )*(\S.*)$/;
const JAVA_AT = /^((?:[\w.@$-]+\/){0,2}[\w.$<>/]+)\(([^():]{0,200})(?::\d{1,9})?\)/;
const NAMED = /^(?:Exception in thread "[^"]{0,200}" |Caused by: |Uncaught )?([A-Za-z_$][\w$.]{0,200})(?:: (.*))?$/;
const PYTHON_START = "Traceback (most recent call last):";
const PYTHON_FRAME = /^\s+File "([^"]{1,500})", line \d{1,9}(?:, in (.{1,200}))?$/;
const GO_START = /^(?:.{0,100}\s)?(panic|fatal error): (.*)$/;
const GO_CALL = /^(?:created by )?([\w./*()\-[\]·]{1,300}?)(?:\([^()]{0,500}\))?(?: in goroutine \d{1,12})?$/;

/** The trace in this text; of several that caused each other, the one that was told last. Null: there is none. */
export function readTrace(text: string): StackTrace | null {
  const lines = text.split("\n", LINES_LOOKED_AT).map((line) => line.slice(0, LINE_LOOKED_AT).trimEnd());
  return readPython(lines) ?? readGo(lines) ?? readAt(lines);
}

/** What makes two traces the same trouble. */
export function traceIdentity(trace: StackTrace): readonly string[] {
  return [trace.language, trace.type, ...trace.frames];
}

function readPython(lines: readonly string[]): StackTrace | null {
  const start = lines.findLastIndex((line) => line.endsWith(PYTHON_START));
  if (start === -1) return null;
  const frames: string[] = [];
  for (let i = start + 1; i < lines.length; i += 1) {
    const line = lines[i] ?? "";
    const frame = PYTHON_FRAME.exec(line);
    if (frame !== null) frames.push(place(frame[2] ?? "", frame[1] ?? ""));
    else if (line !== "" && !/^\s/.test(line)) {
      const named = NAMED.exec(line);
      return trace("python", named?.[1] ?? "exception", named?.[2] ?? "", frames.reverse());
    }
  }
  return frames.length === 0 ? null : trace("python", "exception", "", frames.reverse());
}

function readGo(lines: readonly string[]): StackTrace | null {
  const running = lines.findIndex((line) => /^goroutine \d{1,12} \[/.test(line));
  const start = lines.slice(0, Math.max(0, running)).findLast((line) => GO_START.test(line));
  if (running === -1 || start === undefined) return null;
  const said = GO_START.exec(start);
  const frames: string[] = [];
  for (let i = running + 1; i + 1 < lines.length && lines[i] !== ""; i += 2) {
    const call = GO_CALL.exec(lines[i] ?? "");
    const file = /^\s+(\S{1,500}?):\d{1,9}(?: \+0x[0-9a-f]{1,16})?$/.exec(lines[i + 1] ?? "");
    if (call === null || file === null) break;
    // How the runtime got from the fault to its report says nothing of the fault.
    if (!/^(?:runtime\.|panic$)/.test(call[1] ?? "")) frames.push(place(call[1] ?? "", file[1] ?? ""));
  }
  return frames.length === 0 ? null : trace("go", said?.[1] ?? "panic", said?.[2] ?? "", frames);
}

/** Java and Node both write `at`; Java names the class before the file, Node the file with line and column. */
function readAt(lines: readonly string[]): StackTrace | null {
  const first = lines.findIndex((line) => AT.test(line));
  if (first === -1) return null;
  const frames: string[] = [];
  let java = false;
  for (const line of lines.slice(first)) {
    const at = AT.exec(line)?.[1];
    if (at === undefined) break;
    const call = JAVA_AT.exec(at);
    java ||= call !== null && /\.(?:java|kt|scala|groovy|clj)$|^(?:Native Method|Unknown Source)$/.test(call[2] ?? "");
    frames.push(call !== null && java ? place(call[1] ?? "", call[2] ?? "") : nodePlace(at));
  }
  const named = nameAbove(lines.slice(0, first));
  if (named === null) return null;
  return trace(java ? "java" : "node", named.type, named.message, frames);
}

/** An error's message may have several lines: the nearest line above the frames that begins with a name is it. */
function nameAbove(lines: readonly string[]): { readonly type: string; readonly message: string } | null {
  for (const line of lines.slice(-20).reverse()) {
    // Behind a log's header stands the name too: `12:00:01 ERROR Foo - java.lang.Error: no`.
    const found =
      /(?:^|[\s"])((?:[A-Za-z_$][\w$]{0,100}\.){0,20}[A-Z][\w$]{0,100}(?:Exception|Error|Throwable|Fault))(?: \[[^\]]{0,100}\])?(?:: (.*))?$/.exec(
        line,
      ) ?? /^(?:Caused by: )?((?:[a-z_$][\w$]{0,100}\.){1,20}[A-Z][\w$]{0,100})(?:: (.*))?$/.exec(line);
    if (found !== null) return { type: found[1] ?? "", message: found[2] ?? "" };
  }
  const last = lines.findLast((line) => line !== "");
  return last === undefined ? null : { type: "error", message: last };
}

function nodePlace(at: string): string {
  const called = /^(\S.{0,300}?) \((.{0,500}?)(?::\d{1,9})?(?::\d{1,9})?\)$/.exec(at);
  if (called !== null) return place(called[1] ?? "", called[2] ?? "");
  return place("", at.replace(/(?::\d{1,9}){1,2}$/, ""));
}

/** A place in the program without what changes when it is built or installed anew. */
function place(name: string, file: string): string {
  const steady = (text: string) =>
    text
      .replace(/^.*[\\/](?=[^\\/]{0,100}[\\/][^\\/]{0,100}$)/, "")
      .replace(/@?v?\d{1,9}(?:\.\d{1,9}){1,4}/g, "")
      .replace(/[.-](?=[0-9a-f]{0,40}\d)[0-9a-f]{6,40}(?=[.-]|$)/g, "");
  const called = name.replace(/0x[0-9a-f]{1,16}/g, ANY).replace(/\d{1,12}/g, "");
  return `${called} ${steady(file)}`.trim();
}

function trace(language: StackTrace["language"], type: string, message: string, frames: readonly string[]): StackTrace {
  return { language, type, message, frames: frames.slice(0, FRAMES) };
}
