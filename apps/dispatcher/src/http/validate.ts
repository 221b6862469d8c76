/**
 * Applies an endpoint's schemas to a request and turns everything that is wrong into one answer that lists all fields
 * at once: nobody should have to send five requests to learn of five mistakes.
 */

import { HiveError } from "@hive/core";
import type { z } from "zod";

/** One thing wrong with a request. */
export interface FieldProblem {
  /** Such as `jobs[3].repo`; empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Fields listed at most; a body of a thousand broken jobs has an answer of readable length. */
const MAX_FIELDS = 50;

/** @throws HiveError `invalid_field` with every problem, or nothing when there is none. */
export function refuseFields(problems: readonly FieldProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const lines = problems.slice(0, 3).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : "";
  throw new HiveError("invalid_field", `${lines.join("; ")}${more}`, { fields: problems.slice(0, MAX_FIELDS) });
}

/** The value as the schema reads it. `place` names the part of the request: `body`, `query`, `path`. */
export function parsePart<S extends z.ZodType>(schema: S, value: unknown, place: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, [], value));
  if (place === "body" && value === undefined) {
    throw new HiveError("invalid_field", "This needs a JSON body", {
      fields: [{ path: "", message: "the body is missing" }],
    });
  }
  refuseFields(problems);
  throw new HiveError("invalid_field", `The ${place} cannot be taken`);
}

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue, before: readonly PropertyKey[], root: unknown): FieldProblem[] {
  const at = [...before, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path: pathText([...at, key]), message: "there is no such field" }));
    case "invalid_union": {
      const [closest, ...others] = issue.errors.toSorted((a, b) => distance(a) - distance(b));
      if (closest === undefined || (others.length === 0 && closest.length === 0)) {
        return [{ path: pathText(at), message: issue.message }];
      }
      return closest.flatMap((inner) => problemsOf(inner, at, root));
    }
    default:
      return [{ path: pathText(at), message: `${plain(issue.message)}${got(valueAt(root, at), at)}` }];
  }
}

/** How far a value is from one branch of a union: what is wrong at its top counts most. */
function distance(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    const own = issue.code === "unrecognized_keys" ? issue.keys.length : 1;
    return sum + (issue.path.length <= 1 ? own * 100 : own);
  }, 0);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Shows a short bad value, but never one of a field that holds secrets. */
function got(value: unknown, path: readonly PropertyKey[]): string {
  if (path.some((part) => /token|secret|password|proof|mac/i.test(String(part)))) return "";
  if (typeof value === "number" || typeof value === "boolean") return ` (it is ${String(value)})`;
  if (typeof value !== "string") return "";
  return ` (it is ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)})`;
}

function plain(message: string): string {
  return message.replace(/^Invalid input: e/, "e").replace(/, received undefined$/, " and is missing");
}

/** `a.b[3].c` */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = String(part).slice(0, 100);
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
