/** For scenarios in which no worker fails: nobody loses a lease that began. */

import { type Checker, leaseStories } from "./checker.ts";

export const noLosses: Checker = (seen) =>
  leaseStories(seen.events)
    .filter(
      ({ started, ended }) =>
        started !== null && (ended?.data["error"] as { code?: string } | undefined)?.code === "worker_lost",
    )
    .map(
      ({ jobId, fence, ended }) => `quiet: ${jobId}/${fence} was lost in event ${ended?.id}, and no worker had failed`,
    );
