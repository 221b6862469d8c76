/**
 * `sources:` in hive.yaml: what every source has, whatever its type. Durations become milliseconds, the condition is
 * compiled, defaults are filled in; everything that is wrong is listed with the path of the value. Only the compiled
 * source travels further.
 */

import { SEVERITIES, TASKS, type FloodPolicy, type Severity } from "@hive/core";
import { budgetSchema, nameSchema, sourceIdSchema } from "@hive/protocol";
import { z } from "zod";
import { duration } from "../duration.ts";
import { compileInstructions } from "../intake/instructions.ts";
import { compileCondition, type Condition } from "./condition.ts";
import type { AnySourceType, ConfiguredType, SettingsProblem } from "./configured-type.ts";
import { SOURCE_TYPES } from "./source-types.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A name of a field, such as `labels.severity`. */
const fieldName = z.string().min(1).max(64);
const severity = z.enum(SEVERITIES);

/** What the job of a group is. Texts from outside reach nothing of it but its instructions, through the template. */
export const sourceJobSchema = z
  .strictObject({
    repo: z.string().min(1).max(2048).optional(),
    /** The repository by the value of a field: one of those listed, or the group is held. */
    repoFrom: z
      .strictObject({ field: fieldName, allow: z.record(z.string().min(1).max(256), z.string().min(1).max(2048)) })
      .optional(),
    base: z.string().min(1).max(244).optional(),
    /** Default: agent. */
    task: z.enum(TASKS).extract(["agent", "analyze"]).default("agent"),
    role: nameSchema.optional(),
    agent: nameSchema.optional(),
    labels: z.array(nameSchema).max(16).optional(),
    /** 0 first … 9. Default 5. */
    priority: z.int().min(0).max(9).optional(),
    timeoutMs: z.int().min(1000).max(DAY).optional(),
    /** What each job may use. Default: the server's. */
    budget: budgetSchema.optional(),
    /** Liquid; see docs/sources.md. Default: one that quotes the newest sample. */
    template: z.string().min(1).max(65_536).optional(),
  })
  .refine((job) => (job.repo === undefined) !== (job.repoFrom === undefined), "needs one of repo and repoFrom");
export type SourceJob = z.output<typeof sourceJobSchema>;

const limitsSchema = z.strictObject({
  /** Its jobs that are not over. Default 10; null: any number. */
  maxOpen: z.int().min(1).max(1_000).nullable().default(10),
  /** Its jobs within any hour. Default 2; null: any number. */
  perHour: z.int().min(1).max(1_000).nullable().default(2),
  /** This severity and worse pass both. Default: none. */
  bypass: severity.nullable().default(null),
  /** US dollars that calls to models of its jobs may cost in a day, in UTC. Default: no limit of its own. */
  usdPerDay: z.number().min(0).max(1_000_000).nullable().default(null),
  /** Groups kept. Default 10,000. */
  groups: z.int().min(1).max(100_000).default(10_000),
});

const flapSchema = z.strictObject({
  changes: z.int().min(2).max(20).default(6),
  within: duration({ min: 1_000, max: 7 * DAY }).default(HOUR),
  mute: duration({ min: 1_000, max: 30 * DAY }).default(HOUR),
});

const commonShape = {
  type: z.string(),
  /** Which occurrences count. Default: all. */
  when: z.string().min(1).optional(),
  group: z.strictObject({ by: z.array(fieldName).min(1).max(16) }).optional(),
  open: z
    .strictObject({
      count: z.int().min(1).max(1_000_000).default(1),
      within: duration({ min: 1_000, max: 7 * DAY }).default(10 * MINUTE),
      for: duration({ max: 7 * DAY }).default(0),
    })
    .prefault({}),
  limits: limitsSchema.prefault({}),
  cooldown: duration({ max: 90 * DAY }).default(4 * HOUR),
  resolve: z
    .strictObject({
      waiting: z.enum(["cancel", "note", "nothing"]).default("cancel"),
      running: z.enum(["note", "nothing"]).default("note"),
      reopenWithin: duration({ max: 90 * DAY }).default(7 * DAY),
      /** `null`: nothing is ever muted by itself. */
      flap: flapSchema.nullable().prefault({}),
    })
    .prefault({}),
  severity: severity.default("error"),
  trust: z.enum(["untrusted", "trusted"]).default("untrusted"),
  /** Between two polls. Default: the type's own. */
  every: duration({ min: 1_000, max: 7 * DAY }).optional(),
  job: sourceJobSchema,
};
const commonSchema = z.strictObject(commonShape);
const COMMON: ReadonlySet<string> = new Set(Object.keys(commonShape));

/** A source, ready to be used. */
export interface Source {
  readonly id: string;
  readonly type: ConfiguredType;
  /** As hive.yaml has it: the intake process makes the same of it. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly when: Condition | null;
  readonly groupBy: readonly string[] | null;
  readonly severity: Severity;
  readonly policy: FloodPolicy;
  readonly usdPerDay: number | null;
  readonly trust: "untrusted" | "trusted";
  /** Milliseconds between polls; null: it does not poll. */
  readonly everyMs: number | null;
  readonly job: SourceJob;
}

/** The key `sources` of hive.yaml, compiled. */
export const sourcesSchema = z
  .record(z.string(), z.record(z.string(), z.unknown()))
  .transform((given, context): readonly Source[] => {
    const sources: Source[] = [];
    for (const [id, settings] of Object.entries(given)) {
      const named = sourceIdSchema.safeParse(id);
      if (!named.success)
        context.addIssue({ code: "custom", path: [id], message: named.error.issues[0]?.message ?? "" });
      const compiled = compileSource(id, settings, SOURCE_TYPES);
      if (compiled.ok) sources.push(compiled.source);
      else
        for (const { path, message } of compiled.problems)
          context.addIssue({ code: "custom", path: [id, ...path], message });
    }
    return sources;
  });

type CompiledSource =
  | { readonly ok: true; readonly source: Source }
  | { readonly ok: false; readonly problems: readonly SettingsProblem[] };

/** One source of these settings, or everything that is wrong with them. */
export function compileSource(
  id: string,
  given: Readonly<Record<string, unknown>>,
  types: readonly AnySourceType[],
): CompiledSource {
  const names = types.map(({ name }) => name).join(", ");
  const type = types.find(({ name }) => name === given["type"]);
  if (type === undefined) {
    const said = given["type"] === undefined ? "is missing" : `${JSON.stringify(given["type"])} is no type of source`;
    return { ok: false, problems: [{ path: ["type"], message: `${said}; there are ${names}` }] };
  }
  const entries = Object.entries(given);
  const own = type.configure(Object.fromEntries(entries.filter(([key]) => !COMMON.has(key))));
  const common = commonSchema.safeParse(Object.fromEntries(entries.filter(([key]) => COMMON.has(key))));
  const problems: SettingsProblem[] = own.ok ? [] : [...own.problems];
  if (!common.success) problems.push(...common.error.issues.map(({ path, message }) => ({ path, message })));
  if (!own.ok || !common.success) return { ok: false, problems };

  const { when, group, every, job } = common.data;
  const condition = when === undefined ? null : compileCondition(when, own.type.fields);
  if (condition?.ok === false) problems.push({ path: ["when"], message: condition.message });
  group?.by.forEach((name, place) => {
    const message = name === "title" ? null : fieldProblem(name, own.type);
    if (message !== null) problems.push({ path: ["group", "by", place], message });
  });
  const strange = job.repoFrom === undefined ? null : fieldProblem(job.repoFrom.field, own.type);
  if (strange !== null) problems.push({ path: ["job", "repoFrom", "field"], message: strange });
  const unreadable = templateProblem(job.template);
  if (unreadable !== null) problems.push({ path: ["job", "template"], message: unreadable });
  if (every !== undefined && own.type.polling === null)
    problems.push({ path: ["every"], message: `a source of type ${type.name} is told what happens; it does not poll` });
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    source: {
      id,
      type: own.type,
      given,
      when: condition?.ok === true ? condition.condition : null,
      groupBy: group?.by ?? null,
      severity: common.data.severity,
      policy: policyOf(common.data),
      usdPerDay: common.data.limits.usdPerDay,
      trust: common.data.trust,
      everyMs: own.type.polling === null ? null : (every ?? own.type.polling.everyMs),
      job,
    },
  };
}

/** Why no occurrence of this type has such a field: all of them would be one group then. Null: one may. */
function fieldProblem(name: string, { name: type, fields: { texts, maps } }: ConfiguredType): string | null {
  const dot = name.indexOf(".");
  if (texts.includes(name) || (dot > 0 && maps.includes(name.slice(0, dot)))) return null;
  const all = [...texts, ...maps.map((map) => `${map}.*`)].join(", ");
  return `${name} is no field of a source of type ${type}; there are ${all === "" ? "none" : all}`;
}

/** What is wrong with a template; null: it can be read. Which values there are is known with the first signal only. */
function templateProblem(template: string | undefined): string | null {
  try {
    compileInstructions(template);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function policyOf({ open, limits, cooldown, resolve }: z.output<typeof commonSchema>): FloodPolicy {
  const { flap } = resolve;
  return {
    count: open.count,
    withinMs: open.within,
    forMs: open.for,
    maxOpen: limits.maxOpen,
    perHour: limits.perHour,
    cooldownMs: cooldown,
    reopenWithinMs: resolve.reopenWithin,
    bypass: limits.bypass,
    flap: flap === null ? null : { changes: flap.changes, withinMs: flap.within, muteMs: flap.mute },
    resolve: { waiting: resolve.waiting, running: resolve.running },
    maxGroups: limits.groups,
  };
}
