import type { ReplyTo } from "../../api/call.ts";

export type CallbackView = ReplyTo<"listCallbacks">["callbacks"][number];
export type State = CallbackView["state"];

export interface CallbackSearch {
  /** Default: all. */
  readonly state?: State;
  /** Default: of all jobs. */
  readonly jobId?: string;
}

/** What an address says of the list; what cannot be read is as if it were not there. */
export function callbackSearch({ state, jobId }: Readonly<Record<string, unknown>>): CallbackSearch {
  return {
    ...(state === "pending" || state === "delivered" || state === "dead" ? { state } : {}),
    // An address has numbers without quotes, and jobs may be called 17.
    ...((typeof jobId === "string" || typeof jobId === "number") && jobId !== "" ? { jobId: String(jobId) } : {}),
  };
}
