/** Budgets of a day. Those of one job are shown with the job. */

import { dayOf } from "@hive/core";
import { dayBudgets } from "../budget-view.ts";
import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function budgetHandlers(parts: Pick<Parts, "queue" | "budgets" | "clock">): Pick<Handlers, "listBudgets"> {
  return {
    async listBudgets({ query }) {
      return dayBudgets(parts, query.day ?? dayOf(parts.clock.wall()));
    },
  };
}
