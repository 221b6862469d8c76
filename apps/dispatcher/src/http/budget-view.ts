/** Budgets and what is left of them, as people and programs see them. */

import {
  type AccountRecord,
  type AccountRef,
  type Document,
  type Job,
  type JobBody,
  jobAccountId,
  openAccount,
  usdOf,
} from "@hive/core";
import type { AccountView, DayBudgets } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import type { Parts } from "./parts.ts";

const MINUTE_MS = 60_000;

/**
 * The stored account that a generation of a job spends from; null while nothing was spent.
 * @param root the job itself, or the one it is a candidate of
 */
export async function accountOfJob(
  queue: Pick<Queue, "documents">,
  root: Pick<Job, "id" | "generation">,
): Promise<AccountRecord | null> {
  return (await readAccounts(queue, [jobAccountId(root)]))[0] ?? null;
}

/** Stored accounts, in the order of their ids; null where nothing was spent. */
async function readAccounts(
  queue: Pick<Queue, "documents">,
  ids: readonly string[],
): Promise<readonly (AccountRecord | null)[]> {
  const docs = await queue.documents.get(ids.map((id) => ({ collection: "accounts", id })));
  return docs.map(asAccount);
}

/** A job's budget and what its generation used of it; null for jobs of versions without budgets. */
export function budgetView(job: Job, body: JobBody, account: AccountRecord | null): AccountView | null {
  if (body.budget === null || body.budget === undefined) return null;
  const ref: AccountRef = { id: "", kind: "job", name: null, limits: body.budget };
  return accountView(openAccount(account, ref), (job.run?.spentMs ?? 0) / MINUTE_MS);
}

/** An account with its limits. */
function accountView(account: AccountRecord, minutes: number): AccountView {
  const { limits, spentNano, reservedNano, tokens, reservedTokens, turns } = account;
  return {
    limit: { ...limits },
    spent: { usd: usdOf(spentNano), tokens, minutes: Math.round(minutes * 100) / 100, turns },
    reserved: { usd: usdOf(reservedNano), tokens: reservedTokens },
  };
}

/** What model calls may use on a day and have used, of all jobs, of each project and of each source. */
export async function dayBudgets(
  { queue, budgets }: Pick<Parts, "queue" | "budgets">,
  day: string,
): Promise<DayBudgets> {
  const server = budgets.dayAccount(day);
  const projects = budgets.projectAccounts(day);
  const sources = budgets.sourceAccounts(day);
  const [stored = null, ...rest] = await readAccounts(
    queue,
    [server, ...projects, ...sources].map(({ id }) => id),
  );
  return {
    day,
    server: dayView(openAccount(stored, server)),
    projects: projects.map((ref, place) => ({
      match: ref.name ?? "",
      ...dayView(openAccount(rest[place] ?? null, ref)),
    })),
    sources: sources.map((ref, place) => ({
      source: ref.name ?? "",
      ...dayView(openAccount(rest[projects.length + place] ?? null, ref)),
    })),
  };
}

function dayView(account: AccountRecord): DayBudgets["server"] {
  const { unpricedCalls, uncertainCalls } = account;
  return { ...accountView(account, 0), unpricedCalls, uncertainCalls };
}

function asAccount(doc: Document | null): AccountRecord | null {
  const stored: unknown = doc;
  return stored as AccountRecord | null;
}
