/** What can be done to jobs, one or many, and which jobs it fits. */
import type { JobSummary } from "@hive/protocol";
import { call } from "../../api/call.ts";
import type { Status } from "./jobs-search.ts";

export type Action = "cancel" | "retry" | "approve" | "reject";

interface ActionWords {
  readonly action: Action;
  /** On a button. */
  readonly verb: string;
  /** Of jobs it was done to. */
  readonly past: string;
  /** What will have happened. */
  readonly about: string;
  /** The statuses it fits. */
  readonly fits: readonly Status[];
  /** Whether it ends something that somebody may want. */
  readonly hurts: boolean;
}

export const ACTIONS: readonly ActionWords[] = [
  {
    action: "retry",
    verb: "Retry",
    past: "retried",
    about: "Each begins a new generation, at the end of the queue.",
    fits: ["failed", "canceled"],
    hurts: false,
  },
  {
    action: "approve",
    verb: "Approve",
    past: "approved",
    about: "Each goes on: its work begins, or what it made is published.",
    fits: ["held"],
    hurts: false,
  },
  {
    action: "reject",
    verb: "Reject",
    past: "rejected",
    about: "Each ends as canceled. A retry holds it again.",
    fits: ["held"],
    hurts: true,
  },
  {
    action: "cancel",
    verb: "Cancel",
    past: "canceled",
    about: "Those that wait end at once, those at work are stopped. A retry begins them anew.",
    fits: ["held", "blocked", "scheduled", "queued", "running"],
    hurts: true,
  },
];

/** What is said of an action. */
export function wordsOf(action: Action): ActionWords {
  const found = ACTIONS.find((each) => each.action === action);
  if (found === undefined) throw new Error(`there is no action ${action}`);
  return found;
}

/** What can be done to a job as it stands. Publishing is approved where the work can be looked at: on the job's page. */
export function actionsFor({ status, reason }: Pick<JobSummary, "status" | "reason">): readonly ActionWords[] {
  return ACTIONS.filter(
    ({ action, fits }) =>
      fits.includes(status) && !(action === "approve" && (reason === "publish" || reason === "choice")),
  );
}

/** Does it to one job. @throws ApiError, UnreachableError */
export async function act(action: Action, jobId: string): Promise<void> {
  const params = { jobId };
  switch (action) {
    case "cancel":
      await call("cancelJob", { params, body: undefined });
      return;
    case "retry":
      await call("retryJob", { params });
      return;
    case "approve":
      await call("approveJob", { params, body: undefined });
      return;
    case "reject":
      await call("rejectJob", { params, body: undefined });
      return;
  }
}
