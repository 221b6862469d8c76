/** What makes two entries of a log the same trouble. */

import type { LineGroups } from "./line-groups.ts";
import type { LogEntry } from "./log-entry.ts";
import { maskMessage } from "./masks.ts";
import { type StackTrace, readTrace, traceIdentity } from "./stack-trace.ts";

/** Which group an entry belongs to, and what that group looks like. */
export interface LogIdentity {
  readonly identity: readonly string[];
  /** One line for people: the template, or the trace's type and first frame. */
  readonly template: string;
  readonly trace: StackTrace | null;
}

/** An entry with a stack trace is grouped by it; all others by their message. */
export function identifyEntry(entry: LogEntry, groups: LineGroups): LogIdentity {
  const trace = entry.detail === "" ? null : readTrace(entry.whole);
  if (trace !== null) {
    const template = [trace.type, maskMessage(trace.message), trace.frames[0]].filter((part) => part).join(" · ");
    return { identity: ["trace", ...traceIdentity(trace)], template, trace };
  }
  const group = groups.add(entry.message);
  return { identity: ["line", group.id], template: group.words.join(" "), trace: null };
}
