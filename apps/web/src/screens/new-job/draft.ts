/** What stands in the form, as text, and the job it is. */
import { FIELDS, type Kind, type Path, PATHS } from "./fields.ts";

/** Absent and empty are the same: not said. */
export type Draft = Readonly<Partial<Record<Path, string>>>;
export type Problems = Readonly<Partial<Record<Path, string>>>;
/** A job as it will be sent; the server judges it. */
export type Body = Readonly<Record<string, unknown>>;

/** The job that the form describes; `problems`: what cannot even be sent. */
export function jobOf(draft: Draft): { readonly job: Body; readonly problems: Problems } {
  const job: Record<string, unknown> = {};
  const problems: Partial<Record<Path, string>> = {};
  const task = draft.task ?? "agent";
  for (const path of PATHS) {
    const { kind, tasks, neededBy = [], label } = FIELDS[path];
    if (tasks !== undefined && !tasks.some((each) => each === task)) continue;
    const text = (draft[path] ?? "").trim();
    if (text === "") {
      if (path === "repo" || path === "task" || neededBy.some((each) => each === task))
        problems[path] = `${label} is needed`;
      continue;
    }
    const value = valueOf(kind, kind === "lines" ? (draft[path] ?? "") : text);
    if (value === undefined) problems[path] = WRONG[kind] ?? "This cannot be read";
    else put(job, path, value);
  }
  return { job, problems };
}

const WRONG: Partial<Record<Kind, string>> = {
  number: "This is no number",
  minutes: "This is no number",
  instant: "This is no time",
  json: "This is no JSON",
};

/** Undefined: the text cannot be read. */
function valueOf(kind: Kind, text: string): unknown {
  switch (kind) {
    case "number":
    case "minutes": {
      const value = Number(text);
      if (!Number.isFinite(value)) return undefined;
      return kind === "number" ? value : Math.round(value * 60_000);
    }
    case "flag":
      return text === "true";
    case "list":
      return text === "none" ? [] : text.split(/[\s,]+/).filter((word) => word !== "");
    case "instant": {
      const at = new Date(text);
      return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
    }
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return undefined;
      }
    case "text":
    case "secret":
    case "lines":
    case "choice":
      return text;
  }
}

function put(job: Record<string, unknown>, path: Path, value: unknown): void {
  const [outer = path, inner] = path.split(".");
  if (inner === undefined) job[outer] = value;
  else job[outer] = { ...(job[outer] as Body | undefined), [inner]: value };
}

/** The form for a job; `unknown`: members that no job has. */
export function draftOf(job: Body): { readonly draft: Draft; readonly unknown: readonly string[] } {
  const draft: Partial<Record<Path, string>> = {};
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(job)) {
    if (value === undefined || value === null) continue;
    const inner = PATHS.filter((path) => path.startsWith(`${name}.`));
    const own = PATHS.find((path) => path === name);
    if (own !== undefined) draft[own] = textOf(FIELDS[own].kind, value);
    else if (inner.length > 0 && typeof value === "object") {
      for (const path of inner) {
        const part = (value as Body)[path.slice(name.length + 1)];
        if (part !== undefined && part !== null) draft[path] = textOf(FIELDS[path].kind, part);
      }
    } else unknown.push(name);
  }
  return { draft, unknown };
}

function textOf(kind: Kind, value: unknown): string {
  if (kind === "json") return JSON.stringify(value, null, 2);
  if (kind === "minutes" && typeof value === "number") return String(value / 60_000);
  if (kind === "instant" && typeof value === "string") return localTime(value);
  if (kind === "list" && Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** As an input of times has it, to the second: in the viewer's zone and without naming it. */
function localTime(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
