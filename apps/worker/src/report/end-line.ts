/** How an attempt ended, in one line for whoever reads the worker's own log. */

import type { Outcome } from "@hive/core";

/** `status` is the job's new status, as the dispatcher answered. The texts of `outcome` hold no secrets any more. */
export function endLine(outcome: Outcome, status: string, ms: number): string {
  const after = `after ${(ms / 1000).toFixed(1)} s`;
  switch (outcome.end) {
    case "succeeded":
      return `succeeded in ${(ms / 1000).toFixed(1)} s`;
    case "failed": {
      const next = status === "failed" ? "" : `; the job is ${status}`;
      return `failed ${after}: ${outcome.error.message} (${outcome.error.code})${next}`;
    }
    case "canceled":
      return `canceled ${after}`;
    case "parked":
      return `parked ${after}: ${outcome.message}`;
    case "returned":
      return `given back ${after}: ${outcome.message}`;
    case "awaits_approval":
      return `waits for approval ${after}`;
  }
}
