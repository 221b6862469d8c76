/**
 * The accounts that model calls are charged to: one of the job's generation, one of the day, one of the project and
 * day, one of the source and day.
 * An account is one small document with what is spent and what is set aside for calls under way; every call changes all
 * of its accounts in one commit. A limit is kept because the worst a call can cost is set aside before it is made, and
 * the sum of both never passes the limit by an admitted call.
 */

import { type BudgetLimits, dollars, nanoOf } from "./budget.ts";
import type { Job, Usage } from "./job.ts";

/** What an account is of. */
export type AccountKind = "job" | "day" | "project" | "source";

/** An account a call is charged to, with its limits as they are now. */
export interface AccountRef {
  readonly id: string;
  readonly kind: AccountKind;
  /** The project's pattern or the source's id in hive.yaml; null for other kinds. */
  readonly name: string | null;
  readonly limits: BudgetLimits;
}

/** What an account holds. Amounts are whole nano-USD. */
export interface AccountRecord extends AccountRef {
  readonly spentNano: number;
  /** Set aside for calls that are under way. */
  readonly reservedNano: number;
  readonly tokens: number;
  readonly reservedTokens: number;
  /** Calls that were admitted. */
  readonly turns: number;
  /** Calls whose price is not known; they count at the dearest known price. */
  readonly unpricedCalls: number;
  /** Calls whose last figures never came; they count at the worst they can have cost. */
  readonly uncertainCalls: number;
  /** True once it was told that most of a limit is used. */
  readonly warned: boolean;
}

/** Money of one call, in whole nano-USD. */
export interface CallCost {
  readonly nano: number;
  /** False: the model's price is not known, and `nano` is what it costs at the dearest known price. */
  readonly known: boolean;
}

/** Tokens of one call; input, cache reads and cache writes do not overlap. */
export type CallTokens = Pick<Usage, "inputTokens" | "outputTokens" | "cacheReadTokens" | "cacheWriteTokens">;

/** What counts against a limit. */
export type Dimension = "usd" | "tokens" | "turns";

const DAY_MS = 86_400_000;

/** The part of a limit at which it is told that it is nearly used. */
const WARN_AT = 0.8;

/**
 * The account of a job's generation. A candidate is paid from the account of the job it stands for.
 * @param root the job itself, or the one it is a candidate of
 */
export function jobAccountId(root: Pick<Job, "id" | "generation">): string {
  return `job/${root.id}/${root.generation}`;
}

/** The account of all jobs on one day, such as `2026-11-23`. */
export function dayAccountId(day: string): string {
  return `day/${day}`;
}

/** The account of one project on one day. */
export function projectAccountId(day: string, name: string): string {
  return `project/${day}/${name}`;
}

/** The account of one source on one day. */
export function sourceAccountId(day: string, source: string): string {
  return `source/${day}/${source}`;
}

/** The day of a wall time, in UTC: budgets of a day begin anew at midnight UTC. */
export function dayOf(wall: number): string {
  return new Date(wall).toISOString().slice(0, 10);
}

/** An account as stored, or a new one, with the limits as they are now. */
export function openAccount(stored: AccountRecord | null, ref: AccountRef): AccountRecord {
  if (stored !== null) return { ...stored, limits: ref.limits };
  return {
    ...ref,
    spentNano: 0,
    reservedNano: 0,
    tokens: 0,
    reservedTokens: 0,
    turns: 0,
    unpricedCalls: 0,
    uncertainCalls: 0,
    warned: false,
  };
}

/** What is set aside for one call. */
export interface Held {
  readonly nano: number;
  readonly tokens: number;
}

/** The next step for a model whose price nobody wrote down. */
const UNPRICED =
  " (the price of its model is not known, so it counts as the dearest; write it under prices in hive.yaml)";

/** Why an account cannot pay for one more call that may need this much, and the next step; null when it can. */
export function shortOf(account: AccountRecord, worst: Held & Pick<CallCost, "known">): string | null {
  const { limits, spentNano, reservedNano, tokens, reservedTokens, turns } = account;
  if (limits.usd !== null && spentNano + reservedNano + worst.nano > nanoOf(limits.usd)) {
    const budget = `${nameOf(account)} of ${dollars(nanoOf(limits.usd))}`;
    const call = `may cost ${dollars(worst.nano)}${worst.known ? "" : UNPRICED}`;
    if (spentNano + reservedNano === 0) return `${budget} does not cover this call, which ${call}; raise it`;
    const held = reservedNano === 0 ? "" : `, ${dollars(reservedNano)} are set aside for calls under way`;
    return `${budget} is used up: ${dollars(spentNano)} are spent${held}, and the next call ${call}; ${renewal(account)}`;
  }
  if (limits.tokens !== null && tokens + reservedTokens + worst.tokens > limits.tokens) {
    const held = reservedTokens === 0 ? "" : `, ${reservedTokens} are set aside for calls under way`;
    return `${nameOf(account)} of ${limits.tokens} tokens is used up: ${tokens} are spent${held}, and the next call may take ${worst.tokens}; ${renewal(account)}`;
  }
  if (limits.turns !== null && turns + 1 > limits.turns) {
    return `${nameOf(account)} of ${limits.turns} model calls is used up; ${renewal(account)}`;
  }
  return null;
}

/** When there is a new budget. */
function renewal({ kind }: AccountRef): string {
  return kind === "job" ? "a retry begins with a new one" : "it begins anew at midnight UTC";
}

/** Could this account pay if no other call were under way? Those take less than was set aside for them, mostly. */
export function mayFitLater(account: AccountRecord, worst: Held): boolean {
  return shortOf({ ...account, reservedNano: 0, reservedTokens: 0 }, { ...worst, known: true }) === null;
}

/**
 * When an account that refused a call could pay for it, in wall time; null: never by itself. Those of a day begin anew at
 * midnight UTC, which helps only a call that fits into a whole day's budget.
 */
export function renewedAt(account: AccountRecord, worst: Held, wall: number): number | null {
  if (account.kind === "job" || shortOf(openAccount(null, account), { ...worst, known: true }) !== null) return null;
  return (Math.floor(wall / DAY_MS) + 1) * DAY_MS;
}

/** Sets the worst of a call aside. */
export function hold(account: AccountRecord, worst: Held): AccountRecord {
  return {
    ...account,
    reservedNano: account.reservedNano + worst.nano,
    reservedTokens: account.reservedTokens + worst.tokens,
    turns: account.turns + 1,
  };
}

/** What a call came to. */
export interface Settlement {
  /** What was set aside for it; null: nothing was. */
  readonly held: Held | null;
  readonly cost: CallCost;
  readonly tokens: number;
  /** The provider did nothing for it: the call is given back. */
  readonly void: boolean;
  readonly uncertain: boolean;
}

/** Puts what a call came to in the place of what was set aside for it. */
export function settle(
  account: AccountRecord,
  { held, cost, tokens, void: nothing, uncertain }: Settlement,
): AccountRecord {
  const turns = account.turns + (held === null ? 1 : 0) - (nothing ? 1 : 0);
  return {
    ...account,
    spentNano: account.spentNano + cost.nano,
    reservedNano: account.reservedNano - (held?.nano ?? 0),
    tokens: account.tokens + tokens,
    reservedTokens: account.reservedTokens - (held?.tokens ?? 0),
    turns,
    unpricedCalls: account.unpricedCalls + (cost.known || nothing ? 0 : 1),
    uncertainCalls: account.uncertainCalls + (uncertain ? 1 : 0),
  };
}

/** The limit of which most is used now and was not told yet; null when there is none. */
export function nearlyUsed(
  account: AccountRecord,
): { readonly dimension: Dimension; readonly used: number; readonly limit: number } | null {
  if (account.warned) return null;
  const { limits } = account;
  const uses = [
    { dimension: "usd", used: account.spentNano, limit: limits.usd === null ? null : nanoOf(limits.usd) },
    { dimension: "tokens", used: account.tokens, limit: limits.tokens },
    { dimension: "turns", used: account.turns, limit: limits.turns },
  ] as const;
  for (const { dimension, used, limit } of uses)
    if (limit !== null && used > 0 && used >= limit * WARN_AT) return { dimension, used, limit };
  return null;
}

function nameOf({ kind, name }: AccountRef): string {
  switch (kind) {
    case "job":
      return "the job's budget";
    case "day":
      return "the server's budget of the day";
    case "project":
      return `the budget of the day of ${name ?? "its project"}`;
    case "source":
      return `the budget of the day of the source ${name ?? ""}`;
  }
}
