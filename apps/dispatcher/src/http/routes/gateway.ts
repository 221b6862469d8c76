/** What the LLM gateway's process asks: whose token is this, and please count that. */

import type { Handlers } from "../handler.ts";
import { leaseLost } from "../../auth/lease-access.ts";
import type { Parts } from "../parts.ts";

export function gatewayHandlers({ queue, leases }: Parts): Pick<Handlers, "gatewayVerify" | "gatewayUsage"> {
  return {
    async gatewayVerify({ body }) {
      const { jobId, fence, workerId } = await leases.admit(body.token, "llm");
      // `admit` remembers; only the queue knows whether the lease lives at this moment.
      const alive = await queue.read((state) => state.leases.of(jobId)?.fence === fence);
      if (!alive) throw leaseLost(jobId, fence);
      return { jobId, fence, workerId };
    },

    async gatewayUsage({ body }) {
      const { jobId, fence, callId, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = body;
      const usage = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd: null };
      const { counted } = await queue.submit<"usage">({ type: "usage", lease: { jobId, fence }, callId, usage });
      return { counted };
    },
  };
}
