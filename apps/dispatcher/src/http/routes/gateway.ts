/**
 * What the LLM gateway's process asks: whose token is this, may that call be made, and what did it come to? Prices and
 * budgets are known here alone; the gateway knows providers and keys.
 */

import { HiveError, type AccountRef } from "@hive/core";
import { createRoom } from "../../budgets/room.ts";
import type { Handlers } from "../handler.ts";
import { leaseLost } from "../../auth/lease-access.ts";
import { findBody, findJob, rootOf } from "../job-view.ts";
import type { Parts } from "../parts.ts";

type GatewayParts = Pick<Parts, "queue" | "leases" | "clock" | "budgets" | "prices" | "roomMs">;
/** A waiting call also looks by itself this often, in milliseconds: limits may have been raised, a lease may be over. */
const LOOK_MS = 2_000;

type GatewayHandlers = Pick<Handlers, "gatewayVerify" | "gatewayAdmit" | "gatewayUsage">;

export function gatewayHandlers({ queue, leases, clock, budgets, prices, roomMs }: GatewayParts): GatewayHandlers {
  const room = createRoom(clock);

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

    async gatewayAdmit({ body, closed }) {
      const lease = await liveLease(body.token);
      if (body.free === true) return lease;
      const { callId, provider, model, worst } = body;
      const cost = prices.worst(provider, model, worst);
      const { jobId, fence } = lease;
      const patientUntil = clock.mono() + roomMs;
      for (;;) {
        const left = patientUntil - clock.mono();
        const reply = await queue.submit<"reserve">({
          type: "reserve",
          lease: { jobId, fence },
          callId,
          worst: { cost, tokens: worst.inputTokens + worst.outputTokens },
          accounts: await accountsOf(jobId),
          ...(left > 0 ? { patient: true } : {}),
        });
        if (reply.admitted) return lease;
        if (reply.code !== "busy") {
          throw new HiveError("budget_exceeded", reply.message, { jobId, fence, stop: reply.code });
        }
        await room.change(Math.min(left, LOOK_MS), closed);
        // Nobody is there to make the call: that is no reason to stop the job.
        if (closed.aborted) throw new HiveError("not_ready", "The caller is gone", { jobId, fence });
      }
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
      room.settled();
      return { counted };
    },
  };
}
