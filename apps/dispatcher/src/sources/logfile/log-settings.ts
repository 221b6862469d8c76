/** The settings of a `logfile` source. */

import { type EntryLines, type LogFormat, autoEntries, entriesStartingWith, singleLines } from "@hive/core";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { duration } from "../../duration.ts";
import type { EntryRules } from "./read-entries.ts";

const path = z.string().min(1).max(1_000).refine(isAbsolute, "must be a whole path, such as /var/log/app/*.log");

const expression = z
  .string()
  .min(1)
  .max(1_000)
  .transform((text, context): RegExp => {
    try {
      return new RegExp(text, "u");
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });

const pattern = expression.refine(
  ({ source }) => source.includes("(?<message>"),
  "needs a group named message: (?<message>.*)",
);

export const logfileSchema = z.strictObject({
  /** Files, with `*`, `?`, `**` and `{a,b}`; one or several. Files that come later are found too. */
  path: z.union([path, z.array(path).min(1).max(50)]).transform((given) => (Array.isArray(given) ? given : [given])),
  /** How lines are written: `json`, `logfmt`, a pattern, or whatever they are. Default: auto. */
  parse: z.union([z.enum(["auto", "json", "logfmt"]), z.strictObject({ pattern })]).default("auto"),
  /** Which lines are one entry: stack traces (`auto`), each line alone (`none`), or all up to the next that fits `start`. */
  multiline: z
    .union([
      z.enum(["auto", "none"]),
      z.strictObject({
        start: expression.optional(),
        /** Lines of one entry; what is beyond begins another. Default: 500. */
        maxLines: z.int().min(2).max(10_000).default(500),
        /** How long an entry waits for its next line. Default: 2s. */
        flush: duration({ max: 60_000 }).default(2_000),
      }),
    ])
    .default("auto"),
  /** Where files that are there at the first look are read from. Files that come later: from their beginning. Default: end. */
  from: z.enum(["end", "start"]).default("end"),
});
export type LogfileSettings = z.output<typeof logfileSchema>;

/** How the lines of these settings are written. */
export function formatOf({ parse }: LogfileSettings): LogFormat {
  return typeof parse === "string" ? { kind: parse } : { kind: "pattern", pattern: parse.pattern };
}

/** How entries are made, anew for each file. */
export function rulesOf({ multiline }: LogfileSettings): EntryRules {
  if (multiline === "none") return { lines: singleLines(), maxLines: 1 };
  if (multiline === "auto") return { lines: autoEntries(), maxLines: 500 };
  const { start, maxLines } = multiline;
  const lines: EntryLines = start === undefined ? autoEntries() : entriesStartingWith(start);
  return { lines, maxLines };
}

/** How long an entry waits for its next line, in milliseconds. */
export function flushOf({ multiline }: LogfileSettings): number {
  if (multiline === "none") return 0;
  return multiline === "auto" ? 2_000 : multiline.flush;
}
