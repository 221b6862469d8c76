/**
 * Turns the events of a job into what a person reads: who said what, which tools were used, how it was judged. Several
 * events become one entry (a call of a tool and its result; tools in a row), and nothing is left out: an event that
 * is not known here is shown as it is.
 */
import type { JobEvent } from "../job-event-pages.ts";

export interface ToolUse {
  readonly tool: string;
  readonly summary: string;
  /** Null: it has not come back. */
  readonly result: { readonly ok: boolean; readonly summary: string } | null;
}

export interface Todo {
  readonly text: string;
  readonly done: boolean;
}

/** What stands in an entry. */
export type Said =
  | { readonly kind: "attempt"; readonly fence: number; readonly workerId: string }
  | { readonly kind: "agent"; readonly text: string }
  | { readonly kind: "thinking"; readonly text: string }
  | { readonly kind: "person"; readonly by: string; readonly text: string }
  | { readonly kind: "plan"; readonly items: readonly Todo[] }
  | { readonly kind: "tools"; readonly uses: readonly ToolUse[] }
  | { readonly kind: "files"; readonly changes: readonly { readonly path: string; readonly change: string }[] }
  | { readonly kind: "result"; readonly ok: boolean; readonly text: string }
  /** One line between the others: a turn, a judgement, what was used. */
  | { readonly kind: "note"; readonly look: "plain" | "good" | "bad"; readonly text: string };

export type Entry = Said & {
  /** The number of its first event. */
  readonly id: number;
  readonly at: number;
};

/** Characters of the longest message that can be a line of a longer one, and of the longest that is put together. */
const LINE = 300;
const TOGETHER = 4_000;

/** `events` oldest first, of one job. */
export function entriesOf(events: readonly JobEvent[]): readonly Entry[] {
  const entries: Entry[] = [];
  const calls = new Map<string, { entry: number; use: number }>();
  for (const event of events) {
    const { id, at, type, data } = event;
    const said = type === "job.agent" ? null : saidByQueue(type, data);
    if (said !== null) {
      entries.push({ ...said, id, at });
      continue;
    }
    if (type !== "job.agent") continue;
    const told = fields(data["event"]);
    const call = `${String(data["fence"])} ${String(told["id"])}`;
    const last = entries.at(-1);
    if (told["type"] === "tool_call") {
      const use: ToolUse = { tool: text(told["tool"]), summary: text(told["summary"]), result: null };
      if (last?.kind === "tools") entries[entries.length - 1] = { ...last, uses: [...last.uses, use] };
      else entries.push({ kind: "tools", uses: [use], id, at });
      const tools = entries.at(-1);
      calls.set(call, { entry: entries.length - 1, use: tools?.kind === "tools" ? tools.uses.length - 1 : 0 });
    } else if (told["type"] === "tool_result") {
      const result = { ok: told["ok"] === true, summary: text(told["summary"]) };
      const known = calls.get(call);
      const entry = known === undefined ? undefined : entries[known.entry];
      // Its call is on an earlier page.
      if (known === undefined || entry?.kind !== "tools")
        entries.push({ kind: "tools", uses: [{ tool: "a tool", summary: "", result }], id, at });
      else
        entries[known.entry] = {
          ...entry,
          uses: entry.uses.map((use, place) => (place === known.use ? { ...use, result } : use)),
        };
    } else if (told["type"] === "message" && last?.kind === "agent" && isLine(last.text, told)) {
      entries[entries.length - 1] = { ...last, text: `${last.text}\n${text(told["text"])}` };
    } else if (told["type"] === "file_change" && last?.kind === "files") {
      entries[entries.length - 1] = { ...last, changes: [...last.changes, changeOf(told)] };
    } else {
      entries.push({ ...saidByAgent(told), id, at });
    }
  }
  return entries;
}

/** An agent that is any program says a line at a time: lines in a row are one thing said, up to a page of them. */
function isLine(before: string, told: Readonly<Record<string, unknown>>): boolean {
  const line = text(told["text"]);
  return line.length < LINE && !line.includes("\n") && before.length + line.length < TOGETHER;
}

function changeOf(told: Readonly<Record<string, unknown>>) {
  return { path: text(told["path"]), change: text(told["change"]) };
}

function saidByAgent(told: Readonly<Record<string, unknown>>): Said {
  switch (told["type"]) {
    case "message":
      return { kind: "agent", text: text(told["text"]) };
    case "thinking":
      return { kind: "thinking", text: text(told["text"]) };
    case "plan":
      return { kind: "plan", items: todos(told["items"]) };
    case "file_change":
      return { kind: "files", changes: [changeOf(told)] };
    case "result":
      return { kind: "result", ok: told["ok"] === true, text: text(told["text"]) };
    case "usage":
      return note(usageText(fields(told["usage"])));
    case "cost":
      return note(`by its own reckoning ${Number(told["usd"]).toFixed(4)} USD (${text(told["basis"])})`);
    case "retry":
      return note(`tries again: ${text(told["message"])}`);
    case "turn":
      return note(turnText(told));
    case "stuck":
      return note(`stuck: ${text(told["message"])}`, "bad");
    case "verify":
      return verifyNote(told);
    case "truncated":
      return note(text(told["message"]), "bad");
    default:
      return note(text(told["data"]) || JSON.stringify(told));
  }
}

/** What the queue tells that belongs into a conversation; null: nothing. */
function saidByQueue(type: string, data: Readonly<Record<string, unknown>>): Said | null {
  switch (type) {
    case "job.started":
      return { kind: "attempt", fence: Number(data["fence"]), workerId: text(data["workerId"]) };
    case "job.commented":
      return {
        kind: "person",
        by: text(data["by"]),
        text: text(data["message"]) || "Look at the reviews and checks of the pull request.",
      };
    case "job.retrying":
      return note("this attempt failed; the job is tried again", "bad");
    case "job.succeeded":
      return note("the job succeeded", "good");
    case "job.failed":
      return note("the job failed", "bad");
    case "job.canceled":
      return note("the job was canceled", "bad");
    default:
      return null;
  }
}

const TURNS: Readonly<Record<string, string>> = {
  work: "it is given the work",
  red: "red tests go back to it",
  conflict: "a conflict with the base branch goes back to it",
  stuck: "it is told that it was stuck",
};

function turnText(told: Readonly<Record<string, unknown>>): string {
  const reason = text(told["reason"]);
  return `turn ${Number(told["turn"])}: ${TURNS[reason] ?? reason}${told["resumed"] === true ? ", in its session from before" : ""}`;
}

function verifyNote(told: Readonly<Record<string, unknown>>): Said {
  const state = text(told["state"]);
  const command = text(told["command"]);
  const after = command === "" ? "" : ` (${command})`;
  if (state === "passed") return note(`the repository's tests are green${after}`, "good");
  if (state === "failed") return note(`the repository's tests are red${after}`, "bad");
  if (state === "none") return note("the repository names no test");
  if (state === "unchanged") return note("nothing changed, so nothing was tested");
  return note(`tests: ${state}${after}`);
}

function usageText(usage: Readonly<Record<string, unknown>>): string {
  const count = (name: string): number => Number(usage[name] ?? 0);
  const cached = count("cacheReadTokens");
  return `${count("inputTokens")} tokens in, ${count("outputTokens")} out${cached > 0 ? `, ${cached} from the cache` : ""}`;
}

function note(words: string, look: "plain" | "good" | "bad" = "plain"): Said {
  return { kind: "note", look, text: words };
}

function todos(items: unknown): readonly Todo[] {
  if (!Array.isArray(items)) return [];
  return items.map((item: unknown) => ({ text: text(fields(item)["text"]), done: fields(item)["done"] === true }));
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
