/** What the LLM gateway's process tells of a provider whose limit is used up: the job is parked until it is there again. */

import type { Handlers } from "../handler.ts";
import type { Parts } from "../parts.ts";

export function gatewayQuotaHandlers({ queue }: Pick<Parts, "queue">): Pick<Handlers, "gatewayQuota"> {
  return {
    gatewayQuota({ body }) {
      const { jobId, fence, until, message } = body;
      return queue.submit<"park">({ type: "park", lease: { jobId, fence }, until, message });
    },
  };
}
