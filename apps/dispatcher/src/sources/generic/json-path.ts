/** Paths into JSON as people write them: `data.issue.title`, `alerts[0].name`, `labels["app.kubernetes.io/name"]`. */

import { z } from "zod";

const STEP = /\.?([A-Za-z_$@][\w$@-]*)|\[(\d{1,6})\]|\["((?:[^"\\]|\\.)*)"\]|\.(\d{1,6})/y;

/** The steps of a path, or null when it is none. */
function parsePath(text: string): readonly (string | number)[] | null {
  const steps: (string | number)[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < text.length) {
    const found = STEP.exec(text);
    if (found === null) return null;
    const [, name, index, quoted, dotted] = found;
    if (quoted !== undefined) steps.push(quoted.replace(/\\(.)/g, "$1"));
    else steps.push(name ?? Number(index ?? dotted));
  }
  return steps.length > 0 && steps.length <= 16 ? steps : null;
}

export type JsonPath = readonly (string | number)[];

/** A setting that is a path. */
export const jsonPathSchema = z
  .string()
  .min(1)
  .max(512)
  .transform((text, context): JsonPath => {
    const steps = parsePath(text);
    if (steps !== null) return steps;
    context.addIssue({ code: "custom", message: `"${text}" is no path; write it like data.items[0].name` });
    return z.NEVER;
  });

/** The value there; undefined where there is none. Never what a prototype has. */
export function valueAt(value: unknown, path: JsonPath): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at;
}

/** A value as text: what is written in JSON without quotes, as it is; nothing for null and what is not there. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
