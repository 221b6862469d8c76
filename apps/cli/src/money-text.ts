/** How costs and budgets read in a terminal. */

import type { DayBudgets, JobDetail, NewJobRequest } from "@hive/sdk";
import { CliError } from "./context.ts";
import { table } from "./output.ts";

type Usage = NonNullable<JobDetail["usage"]>;
type Account = NonNullable<JobDetail["budget"]>;

/** Limits as they are typed: `usd=2,turns=40`. @throws CliError */
export function parseBudget(text: string): NonNullable<NewJobRequest["budget"]> {
  const limits = text.split(",").map((entry) => {
    const found = /^(usd|tokens|minutes|turns)=(\d+(?:\.\d+)?)$/.exec(entry.trim());
    if (found !== null) return [found[1] ?? "", Number(found[2])] as const;
    throw new CliError(`--budget: "${entry}" is no limit; write such as usd=2,turns=40,tokens=500000,minutes=30`);
  });
  return Object.fromEntries(limits);
}

/** What a job cost, and what is not known of it. */
export function costText({ costUsd, unpricedCalls = 0, uncertainCalls = 0 }: Usage): string {
  const notes = [
    unpricedCalls > 0 && `without ${unpricedCalls} calls whose price is not known`,
    uncertainCalls > 0 && `with ${uncertainCalls} calls at the most they can have cost`,
  ].filter((note) => note !== false);
  const cost = costUsd === null ? "not known" : usd(costUsd);
  return notes.length === 0 ? cost : `${cost} (${notes.join(", ")})`;
}

/** What of its limits an account has used; null when nothing is limited. */
export function budgetText({ limit, spent, reserved }: Account): string | null {
  const uses = [
    limit.usd !== null && `${usd(spent.usd)} of ${usd(limit.usd)}`,
    limit.tokens !== null && `${spent.tokens} of ${limit.tokens} tokens`,
    limit.turns !== null && `${spent.turns} of ${limit.turns} model calls`,
    limit.minutes !== null && `${spent.minutes} of ${limit.minutes} minutes`,
  ].filter((use) => use !== false);
  if (uses.length === 0) return null;
  return `${uses.join(", ")}${reserved.usd > 0 ? ` (${usd(reserved.usd)} set aside for calls under way)` : ""}`;
}

/** The table of `hive budgets`. */
export function dayTable({ day, server, projects, sources }: DayBudgets): string {
  const row = (name: string, account: Account): string[] => [
    name,
    usd(account.spent.usd),
    usd(account.reserved.usd),
    account.limit.usd === null ? "none" : usd(account.limit.usd),
    String(account.spent.tokens),
    String(account.spent.turns),
  ];
  const rows = [
    row("all jobs", server),
    ...projects.map((project) => row(project.match, project)),
    ...sources.map((source) => row(`source ${source.source}`, source)),
  ];
  return table([`DAY ${day} (UTC)`, "SPENT", "SET ASIDE", "LIMIT", "TOKENS", "CALLS"], rows);
}

/** An amount, never rounded down to nothing. */
function usd(amount: number): string {
  const digits = amount === 0 || amount >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(amount)));
  return `$${amount.toFixed(digits)}`;
}
