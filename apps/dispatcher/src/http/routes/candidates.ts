/** Comparing the candidates of a job, choosing one, and the agreement of their workers on where all of them start. */

import { HiveError } from "@hive/core";
import { compareCandidates } from "../candidate-view.ts";
import type { Handlers } from "../handler.ts";
import { mustFindJob } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type CandidateHandlers = Pick<Handlers, "jobCandidates" | "chooseCandidate" | "leaseStart">;

export function candidateHandlers({ queue }: Pick<Parts, "queue">): CandidateHandlers {
  return {
    async jobCandidates({ params: { jobId } }) {
      const compared = await compareCandidates(queue, await mustFindJob(queue, jobId));
      if (compared !== null) return compared;
      const message = `Job ${jobId} has no candidates; they are asked for when it is enqueued, with the field candidates`;
      throw new HiveError("not_found", message, { jobId });
    },

    async chooseCandidate({ params: { jobId }, body, caller }) {
      await queue.submit<"choose">({ type: "choose", jobId, candidate: body.candidate, by: caller.name });
      const { status, reason } = await mustFindJob(queue, jobId);
      return { jobId, status, reason };
    },

    async leaseStart({ body, caller: { jobId, fence } }) {
      const { start } = await queue.submit<"agreeStart">({ type: "agreeStart", lease: { jobId, fence }, start: body });
      return { ...start };
    },
  };
}
