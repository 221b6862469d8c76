/** What may be decided about a job in which state, by the same rules as the queue's. */
import type { JobDetail } from "@hive/protocol";

export type Decision = "approve" | "reject" | "cancel" | "retry";

/** Held for these, a person's word is enough; the others wait for a choice or for a setting of the server. */
const APPROVABLE: ReadonlySet<string> = new Set(["approval", "publish", "flood", "paused"]);

/** The decisions that fit, the likeliest first. */
export function decisionsOf({ status, reason, cancelRequested }: JobDetail): readonly Decision[] {
  switch (status) {
    case "held":
      return APPROVABLE.has(reason ?? "") ? ["approve", "reject"] : ["cancel"];
    case "blocked":
    case "scheduled":
    case "queued":
      return ["cancel"];
    case "running":
      return cancelRequested ? [] : ["cancel"];
    case "failed":
    case "canceled":
      return ["retry"];
    case "succeeded":
      return [];
  }
}

/** Whether its work is done or given up, so that a copy of it is a new try. */
export function isOver({ status }: Pick<JobDetail, "status">): boolean {
  return status === "succeeded" || status === "failed" || status === "canceled";
}
