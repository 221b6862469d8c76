/**
 * Puts what one call to a model came to in the place of what was set aside for it. The call's id makes it count once.
 * The bill of a call that was cut off when the lease ended arrives a little later and is counted too: the money is
 * spent. A call whose last figures never came keeps what was set aside as its cost.
 */

import {
  type AccountRecord,
  type AccountRef,
  type CallTokens,
  nearlyUsed,
  openAccount,
  type Settlement,
  settle,
} from "../accounts.ts";
import { nanoOf, usdOf } from "../budget.ts";
import type { CommandOf, Docs, Replies } from "../command.ts";
import { docKey } from "../command.ts";
import type { Document, Key } from "../document.ts";
import type { Job, Usage } from "../job.ts";
import { isTerminal } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { find, findNeeds } from "./find.ts";
import { leaseLost } from "./holder.ts";

/** Ids of settled calls that are remembered, so that none counts twice. */
const CALLS_REMEMBERED = 200;

/** What is set aside for a call under way. */
export interface Reservation {
  readonly fence: number;
  /** The accounts it was set aside in. */
  readonly accounts: readonly string[];
  readonly nano: number;
  /** Whether the model's price is known. */
  readonly known: boolean;
  readonly tokens: number;
  readonly at: number;
}

/** What the gateway counted for one job, over all its attempts. */
export interface UsageRecord extends Omit<Usage, "costUsd" | "unpricedCalls" | "uncertainCalls"> {
  readonly jobId: string;
  readonly unpricedCalls: number;
  readonly uncertainCalls: number;
  /** What is known of the cost, in whole nano-USD; null while no call had a known price. */
  readonly costNano: number | null;
  /** The last calls settled. */
  readonly recent: readonly string[];
  /** Calls that are not settled yet, by id. */
  readonly open: Readonly<Record<string, Reservation>>;
}

/** What a usage record of any version has. */
type StoredBefore = { readonly jobId: string; readonly costUsd?: number | null };

/** The record of a job that called no model yet. */
export function nothingUsed(jobId: string): UsageRecord {
  return {
    jobId,
    calls: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costNano: null,
    unpricedCalls: 0,
    uncertainCalls: 0,
    recent: [],
    open: {},
  };
}

/** The job, its usage, and the accounts the call was reserved in or is charged to. */
export function needs(state: State, { lease, callId, accounts }: CommandOf<"usage">, docs: Docs): Key[] {
  const usage: Key = { collection: "usage", id: lease.jobId };
  const stored = storedUsage(docs.get(docKey(usage)) ?? null);
  const ids = new Set([...(stored?.open[callId]?.accounts ?? []), ...accounts.map(({ id }) => id)]);
  return [usage, ...findNeeds(state, lease.jobId), ...[...ids].map((id) => ({ collection: "accounts", id }))];
}

/**
 * @throws HiveError not_found; lease_lost for a lease that was never granted
 */
export function usage(step: Step, command: CommandOf<"usage">): Replies["usage"] {
  const { lease, callId, final } = command;
  const job = find(step, lease.jobId);
  if (job.run === null || lease.fence < 1 || lease.fence > job.run.fence) throw leaseLost(lease);
  const known = storedUsage(step.doc({ collection: "usage", id: lease.jobId })) ?? nothingUsed(lease.jobId);
  if (known.recent.includes(callId)) return { counted: false };
  const { [callId]: held = null, ...open } = known.open;
  const counted = tokensOf(command.usage);
  // What nothing is known of must count as the worst it can have been.
  const cost =
    final || held === null ? command.cost : { nano: Math.max(held.nano, command.cost.nano), known: held.known };
  const settlement: Settlement = {
    held,
    cost,
    tokens: final || held === null ? counted : Math.max(held.tokens, counted),
    void: final && counted === 0 && cost.nano === 0,
    uncertain: !final,
  };
  step.put("usage", lease.jobId, {
    ...sum(known, command.usage, settlement),
    recent: [...known.recent, callId].slice(-CALLS_REMEMBERED),
    open,
  } satisfies UsageRecord);
  for (const account of charged(step, held, command.accounts)) tell(step, job, settle(account, settlement));
  return { counted: true };
}

/** The accounts a call was set aside in; one that nothing was set aside for counts where the server says now. */
function charged(step: Step, held: Reservation | null, refs: readonly AccountRef[]): AccountRecord[] {
  const read = (id: string): AccountRecord | null => asAccount(step.doc({ collection: "accounts", id }));
  if (held === null) return refs.map((ref) => openAccount(read(ref.id), ref));
  return held.accounts.map((id) => {
    const account = read(id);
    if (account === null) throw new Error(`account ${id} is gone, but a call is set aside in it`);
    return account;
  });
}

/** Stores an account, and tells once when most of a limit is used. Nothing is told of a job that is over. */
export function tell(step: Step, job: Job, account: AccountRecord): void {
  const near = isTerminal(job.status) ? null : nearlyUsed(account);
  step.put("accounts", account.id, near === null ? account : { ...account, warned: true });
  if (near === null) return;
  const { dimension } = near;
  const [used, limit] = dimension === "usd" ? [usdOf(near.used), usdOf(near.limit)] : [near.used, near.limit];
  step.event("job.budget", job, { account: account.kind, name: account.name, dimension, used, limit });
}

/** A stored usage record; null when nothing was counted. Those of older versions have dollars and no reservations. */
export function storedUsage(doc: Document | null): UsageRecord | null {
  if (doc === null) return null;
  const stored: unknown = doc;
  const { costUsd = null, ...record } = stored as Partial<UsageRecord> & StoredBefore;
  return { ...nothingUsed(record.jobId), ...(costUsd === null ? {} : { costNano: nanoOf(costUsd) }), ...record };
}

/** A stored account; null when there is none. */
export function asAccount(doc: Document | null): AccountRecord | null {
  const stored: unknown = doc;
  return stored as AccountRecord | null;
}

/**
 * What a job used, of a stored record; null when nothing was counted.
 * @param over true when no lease of the job lives: then calls without final figures count at their worst, like those cut off
 */
export function usageOf(doc: Document | null, over: boolean): Usage | null {
  const record = storedUsage(doc);
  if (record === null) return null;
  const left = over ? Object.values(record.open) : [];
  if (record.calls === 0 && left.length === 0) return null;
  const priced = left.filter(({ known }) => known);
  const lost = priced.reduce((nano, one) => nano + one.nano, 0);
  const nano = record.costNano === null && priced.length === 0 ? null : (record.costNano ?? 0) + lost;
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, unpricedCalls, uncertainCalls } = record;
  return {
    calls: record.calls + left.length,
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens,
    costUsd: nano === null ? null : usdOf(nano),
    unpricedCalls: unpricedCalls + left.length - priced.length,
    uncertainCalls: uncertainCalls + left.length,
  };
}

function tokensOf(call: CallTokens): number {
  return call.inputTokens + call.outputTokens + call.cacheReadTokens + call.cacheWriteTokens;
}

function sum(known: UsageRecord, call: CallTokens, { cost, void: nothing, uncertain }: Settlement): UsageRecord {
  if (nothing) return known;
  const unpriced = cost.known ? 0 : 1;
  return {
    ...known,
    calls: known.calls + 1,
    inputTokens: known.inputTokens + call.inputTokens,
    outputTokens: known.outputTokens + call.outputTokens,
    cacheReadTokens: known.cacheReadTokens + call.cacheReadTokens,
    cacheWriteTokens: known.cacheWriteTokens + call.cacheWriteTokens,
    costNano: cost.known ? (known.costNano ?? 0) + cost.nano : known.costNano,
    unpricedCalls: known.unpricedCalls + unpriced,
    uncertainCalls: known.uncertainCalls + (uncertain ? 1 : 0),
  };
}
