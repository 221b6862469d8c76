/** Whether a source has money left today: its jobs are held while it has none, rather than begun and parked. */

import { type AccountRecord, dayOf, nanoOf } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import type { BudgetPolicy } from "./budget-policy.ts";

/** True when all that the source may spend on this day, in UTC, is spent or set aside. */
export async function isSourceOverBudget(
  {
    queue,
    budgets,
  }: { readonly queue: Pick<Queue, "documents">; readonly budgets: Pick<BudgetPolicy, "sourceAccount"> },
  source: string,
  wall: number,
): Promise<boolean> {
  const account = budgets.sourceAccount(source, dayOf(wall));
  const limit = account?.limits.usd ?? null;
  if (account === null || limit === null) return false;
  const [doc = null] = await queue.documents.get([{ collection: "accounts", id: account.id }]);
  const stored: unknown = doc;
  const { spentNano = 0, reservedNano = 0 } = (stored as AccountRecord | null) ?? {};
  return spentNano + reservedNano >= nanoOf(limit);
}
