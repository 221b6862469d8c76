/**
 * Which lines of a log belong together. A stack trace is one thing that happened, not thirty: its lines are known by
 * their indentation and by what Java, Python, Node and Go write without any. One reader per file; it remembers what the
 * entry it is in has shown so far.
 */

import { startsWithHeader } from "./log-header.ts";

/** Decides for each line, in order, whether it goes on with the entry before it. */
export interface EntryLines {
  /** True: this line belongs to the entry the last line belonged to. False: it begins another. */
  continues(line: string): boolean;
  /** The entry is over, whatever comes. */
  end(): void;
}

type Inside = "nothing" | "line" | "trouble" | "python" | "python ended" | "go" | "node";

const PYTHON_START = /(?:^|\s)Traceback \(most recent call last\):$/;
const PYTHON_ANOTHER =
  /^(?:During handling of the above exception, another exception occurred|The above exception was the direct cause of the following exception):$/;
const CAUSE = /^(?:Caused by: |Suppressed: |\.\.\. \d{1,9} (?:more|common frames omitted))/;
const GO_START = /(?:^|\s)(?:panic|fatal error): /;
const GO_GOES_ON =
  /^(?:goroutine \d{1,12} \[|\[signal |created by |exit status \d|panic\(|[\w./*()\-[\]·]{1,300}\([^()]{0,500}\)$)/;
const NODE_START = /^(?:\/|file:|node:)\S{1,500}:\d{1,9}$/;
const NODE_GOES_ON = /^(?:Node\.js v\d|[A-Z]\w{0,100}(?:Error|Exception)\b|Error\b|\})/;
const ERROR_NAME =
  /^(?:(?:[A-Za-z_$][\w$]{0,100}\.){0,20}[A-Z][\w$]{0,100}(?:Exception|Error|Throwable)\b|Error\b|Exception in thread )/;
const TROUBLE = /error|exception|fatal|critical|severe|panic|fail/i;

/** How lines become entries when the operator says nothing. */
export function autoEntries(): EntryLines {
  let inside: Inside = "nothing";
  const begin = (line: string): Inside => {
    if (PYTHON_START.test(line)) return "python";
    if (GO_START.test(line)) return "go";
    if (NODE_START.test(line)) return "node";
    // Only a line that says it is a log's own, and that something went wrong, may have a trace below it.
    return startsWithHeader(line) && TROUBLE.test(line) ? "trouble" : "line";
  };
  const next = (line: string): Inside | null => {
    if (inside === "nothing") return null;
    if (line.trim() === "" || CAUSE.test(line)) return inside;
    if (/^\s/.test(line)) return inside;
    if (inside === "python") return "python ended";
    if (inside === "python ended")
      return PYTHON_ANOTHER.test(line) ? inside : PYTHON_START.test(line) ? "python" : null;
    if (inside === "go") return GO_GOES_ON.test(line) ? "go" : null;
    if (inside === "node") return NODE_GOES_ON.test(line) ? "node" : null;
    if (inside === "trouble") {
      if (/^Traceback \(most recent call last\):$/.test(line)) return "python";
      if (/^(?:panic|fatal error): /.test(line)) return "go";
      if (ERROR_NAME.test(line)) return "line";
    }
    return null;
  };
  return {
    continues: (line) => {
      const cut = line.slice(0, 1_000);
      const goesOn = next(cut);
      inside = goesOn ?? begin(cut);
      return goesOn !== null;
    },
    end: () => {
      inside = "nothing";
    },
  };
}

/** Each line that `start` finds itself in begins an entry; all others go on. */
export function entriesStartingWith(start: RegExp): EntryLines {
  let any = false;
  return {
    continues: (line) => {
      const goesOn = any && !start.test(line.slice(0, 1_000));
      any = true;
      return goesOn;
    },
    end: () => {
      any = false;
    },
  };
}

/** Each line is an entry. */
export function singleLines(): EntryLines {
  return { continues: () => false, end: () => undefined };
}
