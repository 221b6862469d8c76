/**
 * Tells the dispatcher the results that an earlier life of this worker, or a job that could not wait, left on the disk:
 * each is repeated until it is taken or the dispatcher says that its lease is over.
 */

import { deliver, type DeliverOptions } from "../report/deliver.ts";
import type { Outbox } from "../report/outbox.ts";
import { type Clock, jittered, pause } from "./clock.ts";

export interface ReplayOptions extends Pick<DeliverOptions, "client" | "resendLog"> {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** True for a lease that a job of this worker still reports itself. */
  readonly isInWork: (jobId: string, fence: number) => boolean;
  readonly say: (message: string) => void;
}

export interface ReplayLoop {
  /** Resolves once the signal was aborted. */
  readonly done: Promise<void>;
  /** Resolves when nothing unsent was found at the last look. */
  drained(): Promise<void>;
  status(): string;
}

/** Milliseconds between two looks at the disk. */
const LOOK_MS = 5_000;

/** Looks at once and then now and again. */
export function startReplayLoop(options: ReplayOptions): ReplayLoop {
  const { outbox, clock, signal } = options;
  let status = "replay: starting";
  let waiting: (() => void)[] = [];

  async function look(): Promise<number> {
    const unsent = (await outbox.list()).filter(({ jobId, fence }) => !options.isInWork(jobId, fence));
    let left = unsent.length;
    for (const result of unsent) {
      if (signal.aborted) break;
      status = `replay: telling the end of ${result.jobId}, fence ${result.fence}`;
      const delivery = await deliver({ ...options, result });
      if (delivery.end === "unknown") break;
      await outbox.remove(result);
      left -= 1;
      const how =
        delivery.end === "taken" ? `taken, the job is ${delivery.status}` : `${delivery.end} (${delivery.why})`;
      options.say(`the unsent result of ${result.jobId}, fence ${result.fence}: ${how}`);
    }
    return left;
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      const left = await look().catch((error: unknown) => {
        options.say(`cannot read unsent results: ${error instanceof Error ? error.message : String(error)}`);
        return 1;
      });
      status = left === 0 ? "replay: nothing unsent" : `replay: ${left} unsent`;
      if (left === 0) {
        for (const resolve of waiting) resolve();
        waiting = [];
      }
      await pause(clock, jittered(clock, LOOK_MS), signal);
    }
    for (const resolve of waiting) resolve();
  }

  return {
    done: loop(),
    drained: () => new Promise((resolve) => waiting.push(resolve)),
    status: () => status,
  };
}
