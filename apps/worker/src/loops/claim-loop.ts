/**
 * Asks for one job, does it, asks again. The claim's id stays the same until the dispatcher answered, so that a lost
 * answer is repeated and never becomes a second lease.
 */

import { randomUUID } from "node:crypto";
import { type ApiClient, ApiError, endpoints, type LeaseGrant, verifyLeaseToken } from "@hive/protocol";
import { backOff, type Clock, pause } from "./clock.ts";
import type { Session } from "./session.ts";

export interface ClaimOptions {
  readonly client: ApiClient;
  readonly session: Session;
  readonly clock: Clock;
  /** Aborted: take no more jobs. The one in work is `work`'s own business. */
  readonly signal: AbortSignal;
  /** Does one job from beginning to end. A rejection ends the loop: this worker must take no other job. */
  readonly work: (lease: LeaseGrant) => Promise<void>;
  readonly say: (message: string) => void;
  /** Checks who signed a lease's token. Default: `verifyLeaseToken`. The simulation, which has no keys, passes its own. */
  readonly verify?: (...claim: Parameters<typeof verifyLeaseToken>) => Promise<unknown>;
}

export interface ClaimLoop {
  /** Resolves when no more jobs will be taken. @throws what `work` threw, NotWelcomeError */
  readonly done: Promise<void>;
  status(): string;
}

/** Starts claiming. */
export function startClaimLoop(options: ClaimOptions): ClaimLoop {
  const { session, clock, signal } = options;
  const verify = options.verify ?? verifyLeaseToken;
  let status = "starting";
  let tries = 0;

  async function loop(): Promise<void> {
    let claimId = randomUUID();
    while (!signal.aborted) {
      status = "waiting for a job";
      const answer = await ask(claimId);
      if (answer === null) continue;
      claimId = randomUUID();
      if (answer.lease !== null) {
        status = `has job ${answer.lease.job.jobId}, fence ${answer.lease.fence}`;
        await options.work(answer.lease);
      }
      if (answer.drain) {
        options.say("the dispatcher wants this worker to leave");
        break;
      }
    }
    status = "takes no more jobs";
  }

  /** The answer, or null when there was none yet: then the same claim is sent again. */
  async function ask(claimId: string) {
    const known = session.current();
    const waitMs = known.intervals.claimWaitMs;
    try {
      const answer = await options.client.call(
        endpoints.workerClaim,
        { body: { claimId, waitMs } },
        { token: known.token, signal, timeoutMs: waitMs + 10_000 },
      );
      if (answer.lease !== null) await verify(answer.lease.token, known.leaseKey, "worker");
      tries = 0;
      return answer;
    } catch (error) {
      if (signal.aborted) return null;
      if (error instanceof ApiError && (error.is("worker_unknown") || error.is("unauthorized"))) {
        await session.register(signal, known);
      }
      status = `cannot claim: ${error instanceof Error ? error.message : String(error)}`;
      if (tries === 0) options.say(status);
      await pause(clock, backOff(clock, tries), signal);
      tries += 1;
      return null;
    }
  }

  return { done: loop(), status: () => status };
}
