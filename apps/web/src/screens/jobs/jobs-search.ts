/** What the address says of the list of jobs: `/jobs?status=failed&repo=…&order=oldest`. */
import type { JobSummary } from "@hive/protocol";

export type Status = JobSummary["status"];

/** In the order of a job's life. */
export const STATUSES = [
  "held",
  "blocked",
  "scheduled",
  "queued",
  "running",
  "succeeded",
  "failed",
  "canceled",
] as const satisfies readonly Status[];

export interface JobsSearch {
  readonly status?: Status | undefined;
  readonly repo?: string | undefined;
  /** Default: newest first. */
  readonly order?: "oldest" | undefined;
}

/** What of an address can be understood. The rest is named with nothing: only so does the router drop it. */
export function readJobsSearch({ status, repo, order }: Readonly<Record<string, unknown>>): JobsSearch {
  return {
    status: STATUSES.find((each) => each === status),
    repo: typeof repo === "string" && repo !== "" && repo.length <= 2_048 ? repo : undefined,
    order: order === "oldest" ? order : undefined,
  };
}

/** What the server filters by. */
export interface JobFilter {
  readonly status?: Status;
  readonly repo?: string;
}

/** The filter alone, as the server takes it. */
export function filterOf({ status, repo }: JobsSearch): JobFilter {
  return { ...(status === undefined ? {} : { status }), ...(repo === undefined ? {} : { repo }) };
}
