/** What hive.yaml says about budgets: of each job, of all jobs of a day, and of one project. */

import type { BudgetLimits } from "@hive/core";
import { z } from "zod";

const dimension = {
  /** US dollars. Null: no limit. */
  usd: z.number().min(0).max(1_000_000).nullable().optional(),
  /** Tokens in and out, cached ones too. */
  tokens: z.int().min(0).max(1_000_000_000_000).nullable().optional(),
  /** Calls to a model. */
  turns: z.int().min(0).max(1_000_000_000).nullable().optional(),
};

/** Limits of one job's generation; what is left out comes from the rule above. */
const jobLimitsSchema = z.strictObject({
  ...dimension,
  /** Minutes that attempts may run, all together. */
  minutes: z.number().min(0.1).max(10_080).nullable().optional(),
});

/** Limits of a day, in UTC. */
const dayLimitsSchema = z.strictObject(dimension);

/** The section `budgets` of hive.yaml. */
export const budgetsSchema = z
  .strictObject({ job: jobLimitsSchema.default({}), day: dayLimitsSchema.default({}) })
  .default({ job: {}, day: {} });
export type Budgets = z.output<typeof budgetsSchema>;

/** `repos[].budget`: a project of its own. `job`: of each of its jobs; `day`: of all its jobs of a day. */
export const projectBudgetSchema = z.strictObject({
  job: jobLimitsSchema.optional(),
  day: dayLimitsSchema.optional(),
});
export type ProjectBudget = z.output<typeof projectBudgetSchema>;

/** Limits as somebody wrote them; what is left out is open. */
export type WrittenLimits = { readonly [K in keyof BudgetLimits]?: BudgetLimits[K] | undefined };

/** What a job may cost when nobody says anything else, in USD. */
const DEFAULT_JOB_USD = 5;
/** What all jobs of a day may cost when nobody says anything else, in USD. */
const DEFAULT_DAY_USD = 50;

/** Limits for one generation of a job: its own, else its project's, else the server's, else 5 USD. */
export function jobLimits(budgets: Budgets, project: ProjectBudget | undefined, own: WrittenLimits = {}): BudgetLimits {
  return firstSaid([own, project?.job ?? {}, budgets.job, { usd: DEFAULT_JOB_USD }]);
}

/** Limits of a day over all jobs: what the server says, else 50 USD. */
export function dayLimits(budgets: Budgets): BudgetLimits {
  return firstSaid([budgets.day, { usd: DEFAULT_DAY_USD }]);
}

/** Limits of a day for one project; null when its rule has none. */
export function projectLimits(project: ProjectBudget | undefined): BudgetLimits | null {
  return project?.day === undefined ? null : firstSaid([project.day]);
}

/** Of each kind the first limit that was said; null (no limit) when none was. */
function firstSaid(sources: readonly WrittenLimits[]): BudgetLimits {
  const first = (kind: keyof BudgetLimits): number | null =>
    sources.map((source) => source[kind]).find((said) => said !== undefined) ?? null;
  return { usd: first("usd"), tokens: first("tokens"), minutes: first("minutes"), turns: first("turns") };
}
