/**
 * What the operator's budgets mean for a job: its limits when it is accepted, and the accounts that each of its model
 * calls is charged to, with their limits as they are now.
 */

import {
  type AccountRef,
  type BudgetLimits,
  dayAccountId,
  dayOf,
  type Job,
  type JobBody,
  jobAccountId,
  projectAccountId,
  sourceAccountId,
} from "@hive/core";
import { placeOf } from "../credentials/job-credential.ts";
import { type RepoRule, ruleFor } from "../credentials/repo-rules.ts";
import { type Budgets, dayLimits, jobLimits, projectLimits, type WrittenLimits } from "./budget-settings.ts";

/** How the origin of a source's jobs begins. */
const SOURCE = "source:";

/** A call's job, as the queue has it. */
export interface ChargedJob {
  readonly job: Pick<Job, "id" | "repo" | "generation">;
  /** The job itself, or the one it is a candidate of: candidates spend one budget together. */
  readonly root: Pick<Job, "id" | "generation">;
  readonly body: Pick<JobBody, "budget" | "origin"> | null;
}

export interface BudgetPolicy {
  /** Limits for one generation of a job of this repository. `place`: `host/owner/name`. */
  jobLimits(place: string, own: WrittenLimits): BudgetLimits;
  /** The accounts that a call of this job is charged to at this wall time. */
  accountsOf(charged: ChargedJob, wall: number): readonly AccountRef[];
  /** The account of a day, in UTC. */
  dayAccount(day: string): AccountRef;
  /** The accounts of the projects that have a budget of the day, as hive.yaml lists them. */
  projectAccounts(day: string): readonly AccountRef[];
  /** The account of a source; null when it has no budget of the day. */
  sourceAccount(source: string, day: string): AccountRef | null;
  /** The accounts of the sources that have one, as hive.yaml lists them. */
  sourceAccounts(day: string): readonly AccountRef[];
}

/** A source as far as its money goes. */
export interface SourceBudget {
  readonly id: string;
  /** US dollars; null: no limit of its own. */
  readonly usdPerDay: number | null;
}

/** The budgets of these settings. */
export function createBudgetPolicy(
  budgets: Budgets,
  repos: readonly RepoRule[],
  sources: readonly SourceBudget[] = [],
): BudgetPolicy {
  function dayAccount(day: string): AccountRef {
    return { id: dayAccountId(day), kind: "day", name: null, limits: dayLimits(budgets) };
  }

  function projectAccount(rule: RepoRule | undefined, day: string): AccountRef | null {
    const limits = projectLimits(rule?.budget);
    if (rule === undefined || limits === null) return null;
    return { id: projectAccountId(day, rule.match), kind: "project", name: rule.match, limits };
  }

  function sourceAccount(id: string, day: string): AccountRef | null {
    const usd = sources.find((source) => source.id === id)?.usdPerDay ?? null;
    if (usd === null) return null;
    const limits = { usd, tokens: null, minutes: null, turns: null };
    return { id: sourceAccountId(day, id), kind: "source", name: id, limits };
  }

  return {
    jobLimits: (place, own) => jobLimits(budgets, ruleFor(repos, place)?.budget, own),
    accountsOf({ job, root, body }, wall) {
      const day = dayOf(wall);
      const place = placeOf(job.repo)?.path ?? "";
      const rule = ruleFor(repos, place);
      const project = projectAccount(rule, day);
      // Jobs of versions without budgets have the server's.
      const limits = body?.budget ?? jobLimits(budgets, rule?.budget);
      const own: AccountRef = { id: jobAccountId(root), kind: "job", name: null, limits };
      const source = body?.origin.startsWith(SOURCE) ? sourceAccount(body.origin.slice(SOURCE.length), day) : null;
      return [own, project, source, dayAccount(day)].filter((account) => account !== null);
    },
    dayAccount,
    projectAccounts: (day) => repos.map((rule) => projectAccount(rule, day)).filter((account) => account !== null),
    sourceAccount,
    sourceAccounts: (day) => sources.map(({ id }) => sourceAccount(id, day)).filter((account) => account !== null),
  };
}
