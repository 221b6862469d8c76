/** A job at work under budgets, and a gateway that asks and tells for it. Money in nano-USD. */

import type { AccountRef, CallCost } from "../accounts.ts";
import { type BudgetLimits, NO_LIMITS } from "../budget.ts";
import type { LeaseRef } from "../command.ts";
import { newJob, World } from "../queue.fixture.ts";
import { usageOf } from "./usage.ts";

export const CALL = { inputTokens: 10, outputTokens: 1, cacheReadTokens: 2, cacheWriteTokens: 3 };
export const NOTHING = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

/** The account of job `a`, first generation, unless said. */
export function account(limits: Partial<BudgetLimits>, what: Partial<AccountRef> = {}): AccountRef {
  return { id: "job/a/1", kind: "job", name: null, limits: { ...NO_LIMITS, ...limits }, ...what };
}

/** Job `a`, begun by worker `w`, with its gateway. */
export function working(accounts: readonly AccountRef[] = [account({})], what: Parameters<typeof newJob>[1] = {}) {
  const world = new World();
  world.register("w");
  world.enqueue(newJob("a", what));
  const lease = world.start("w");
  const gateway = gatewayOf(world, lease, accounts);
  return { world, lease, ...gateway };
}

/** What a gateway asks and tells under this lease; a price of null is not known. */
export function gatewayOf(world: World, lease: LeaseRef, accounts: readonly AccountRef[]) {
  const price = (nano: number | null): CallCost => ({ nano: nano ?? 1_000, known: nano !== null });
  return {
    reserve: (callId: string, nano: number | null, tokens = 100) =>
      world.do({ type: "reserve", lease, callId, worst: { cost: price(nano), tokens }, accounts }),
    settle: (callId: string, nano: number | null, { usage = CALL, final = true } = {}) =>
      world.do({ type: "usage", lease, callId, usage, cost: price(nano), final, accounts }).counted,
    money: (id = "job/a/1") => {
      const stored = world.store.get(`accounts/${id}`);
      return stored === undefined ? null : [stored["spentNano"], stored["reservedNano"]];
    },
    used: (over = false) => usageOf(world.store.get("usage/a") ?? null, over),
  };
}
