/** What the streams of all agents need alike: tool calls in a few words, paths as people know them, errors of models. */
import { isAbsolute, relative } from "node:path";
import type { AgentTotals } from "@hive/protocol";
import { type AgentUsage, type ResumedSession, shorten } from "./contract.ts";
import { textAt, valueAt } from "./json-line.ts";

/** What tells most about a call, first the most telling. */
const TELLING = ["command", "cmd", "file_path", "filePath", "path", "pattern", "url", "query", "description"];

/** A tool's input in one line. */
export function summarizeInput(input: Readonly<Record<string, unknown>>): string {
  const said = TELLING.map((key) => textAt(input, key)).find((text) => text !== null && text !== "");
  return shorten(said ?? JSON.stringify(input), 300);
}

/** A path in the repository as it is written there; any other stays as it is. */
export function pathInside(workspace: string, path: string): string {
  if (!isAbsolute(path)) return path;
  const inside = relative(workspace, path);
  return inside === "" || inside.startsWith("..") ? path : inside;
}

/** The steps of a plan: `text` says under which key of a step its words are. */
export function planItems(steps: unknown, text: string): readonly { readonly text: string; readonly done: boolean }[] {
  if (!Array.isArray(steps)) return [];
  return steps.map((step: unknown) => {
    const fields = typeof step === "object" && step !== null ? { ...step } : {};
    const done = valueAt(fields, "completed") === true || textAt(fields, "status") === "completed";
    return { text: shorten(textAt(fields, text) ?? "", 200), done };
  });
}

/** A session's id as an agent printed it; null for anything that could be taken for an option or a path. */
export function sessionIdOf(text: string | null): string | null {
  return text !== null && /^[A-Za-z0-9][\w-]{0,127}$/.test(text) ? text : null;
}

/** The session's figures after a run with these; null where those of its earlier runs are not known. */
export function totalsAfter(
  resumed: ResumedSession | null,
  usage: AgentUsage,
  costUsd: number | null,
): AgentTotals | null {
  if (resumed === null) return { ...usage, costUsd };
  const before = resumed.totals;
  if (before === null) return null;
  return {
    inputTokens: before.inputTokens + usage.inputTokens,
    outputTokens: before.outputTokens + usage.outputTokens,
    cacheReadTokens: before.cacheReadTokens + usage.cacheReadTokens,
    cacheWriteTokens: before.cacheWriteTokens + usage.cacheWriteTokens,
    costUsd: costUsd === null || before.costUsd === null ? null : before.costUsd + costUsd,
  };
}

/** The error of an agent whose model could not be reached or said no. `status` null: there was no answer at all. */
export function modelError(
  status: number | null,
  message: string,
): { readonly code: string; readonly kind: "work" | "system"; readonly message: string } {
  const said = shorten(message);
  switch (status) {
    case 401:
    case 403:
      return { code: "llm_unauthorized", kind: "system", message: said };
    case 402:
      return { code: "agent_budget", kind: "work", message: said };
    case 429:
      return { code: "llm_rate_limited", kind: "system", message: said };
    case 400:
    case 404:
    case 413:
    case 422:
      // The same request would be refused again.
      return { code: "llm_bad_request", kind: "work", message: said };
    default:
      return { code: "llm_unavailable", kind: "system", message: said };
  }
}
