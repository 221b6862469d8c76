/**
 * What the LLM gateway's process asks: whose token is this, may that call be made, and what did it come to? Prices and
 * budgets are known here alone; the gateway knows providers and keys.
 */

import { HiveError, type AccountRef } from "@hive/core";
import type { Handlers } from "../handler.ts";
import { leaseLost } from "../../auth/lease-access.ts";
import { findBody, findJob, rootOf } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type GatewayParts = Pick<Parts, "queue" | "leases" | "clock" | "budgets" | "prices">;
type GatewayHandlers = Pick<Handlers, "gatewayVerify" | "gatewayAdmit" | "gatewayUsage">;

export function gatewayHandlers({ queue, leases, clock, budgets, prices }: GatewayParts): GatewayHandlers {
  /** The lease of a token, if it lives at this moment: `admit` remembers, only the queue knows. */
  async function liveLease(token: string): Promise<{ jobId: string; fence: number; workerId: string }> {
    const { jobId, fence, workerId } = await leases.admit(token, "llm");
    const alive = await queue.read((state) => state.leases.of(jobId)?.fence === fence);
    if (!alive) throw leaseLost(jobId, fence);
    return { jobId, fence, workerId };
  }

  /** The accounts a call of this job is charged to now; none for a job nobody knows. */
  async function accountsOf(jobId: string): Promise<readonly AccountRef[]> {
    const job = await findJob(queue, jobId);
    if (job === null) return [];
    const [root, body] = await Promise.all([rootOf(queue, job), findBody(queue, jobId)]);
    return budgets.accountsOf({ job, root, body }, clock.wall());
  }

  return {
    async gatewayVerify({ body }) {
      return liveLease(body.token);
    },

    async gatewayAdmit({ body }) {
      const lease = await liveLease(body.token);
      if (body.free === true) return lease;
      const { callId, provider, model, worst } = body;
      const cost = prices.worst(provider, model, worst);
      const { jobId, fence } = lease;
      const reply = await queue.submit<"reserve">({
        type: "reserve",
        lease: { jobId, fence },
        callId,
        worst: { cost, tokens: worst.inputTokens + worst.outputTokens },
        accounts: await accountsOf(jobId),
      });
      if (reply.admitted) return lease;
      throw new HiveError("budget_exceeded", reply.message, { jobId, fence, stop: reply.code });
    },

    async gatewayUsage({ body }) {
      const { jobId, fence, callId, provider, model, final, cacheWrite1hTokens, webSearches, ...usage } = body;
      const { counted } = await queue.submit<"usage">({
        type: "usage",
        lease: { jobId, fence },
        callId,
        usage,
        cost: prices.cost(provider, model, { ...usage, cacheWrite1hTokens, webSearches }),
        final,
        accounts: await accountsOf(jobId),
      });
      return { counted };
    },
  };
}
