/**
 * Which workers are there right now, as far as HTTP tells: when each was last heard of, and which registration speaks
 * for it. Kept in memory only; after a start, or an election, a worker that is known to the queue counts as heard of in
 * that moment. A worker without a job that stays silent is forgotten, so that lists and the fleet see who is really
 * there.
 */

import { HiveError } from "@hive/core";
import { registrationTag } from "../auth/worker-tokens.ts";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";

/** A worker without a job is forgotten after this many milliseconds without a word: three claims of the usual length. */
export const SILENT_MS = 90_000;
const SWEEP_MS = 10_000;

export interface WorkerPresence {
  /** The worker was heard of. */
  heard(workerId: string): void;
  /** Milliseconds since. */
  silentMs(workerId: string): number;
  /**
   * The worker may speak: it is registered, and this is its latest registration.
   * @throws HiveError `worker_unknown`
   */
  admit(workerId: string, registration: string): Promise<void>;
  /** A worker registered just now. */
  registered(workerId: string, registrationId: string): void;
  forget(workerId: string): void;
  stop(): void;
}

export function createWorkerPresence(queue: Pick<Queue, "read" | "submit" | "onEffect">, clock: Clock): WorkerPresence {
  const heardAt = new Map<string, number>();
  const registrations = new Map<string, string>();
  const heard = (workerId: string): void => void heardAt.set(workerId, clock.mono());
  const forget = (workerId: string): void => {
    heardAt.delete(workerId);
    registrations.delete(workerId);
  };

  // Whoever was the queen meanwhile heard of them, and knows who registered again.
  const unlisten = queue.onEffect((effect) => {
    if (effect.type !== "reloaded") return;
    heardAt.clear();
    registrations.clear();
  });

  async function sweep(): Promise<void> {
    const idle = await queue.read((state) =>
      [...state.workers.values()].filter((worker) => worker.jobId === null).map((worker) => worker.record.id),
    );
    for (const workerId of idle) {
      const last = heardAt.get(workerId);
      if (last === undefined) heard(workerId);
      else if (clock.mono() - last > SILENT_MS) {
        forget(workerId);
        const message = `not heard of for ${SILENT_MS / 1000} s`;
        await queue.submit<"workerGone">({ type: "workerGone", workerId, blame: true, message });
      }
    }
  }

  let cancel = (): void => {};
  let stopped = false;
  const tick = (): void => {
    // A store that is away for a moment is no reason to forget anybody: the next look tells.
    sweep()
      .catch(() => {})
      .finally(() => {
        if (!stopped) cancel = clock.after(SWEEP_MS, tick);
      });
  };
  cancel = clock.after(SWEEP_MS, tick);

  return {
    heard,
    silentMs: (workerId) => Math.max(0, clock.mono() - (heardAt.get(workerId) ?? clock.mono())),
    async admit(workerId, registration) {
      if (registrations.get(workerId) !== registration) {
        const record = await queue.read((state) => state.workers.get(workerId)?.record ?? null);
        if (record === null || registrationTag(record.registrationId) !== registration) {
          throw new HiveError("worker_unknown", `Worker ${workerId} is not registered here any more; register again`, {
            workerId,
          });
        }
        registrations.set(workerId, registration);
      }
      heard(workerId);
    },
    registered(workerId, registrationId) {
      registrations.set(workerId, registrationTag(registrationId));
      heard(workerId);
    },
    forget,
    stop() {
      stopped = true;
      unlisten();
      cancel();
    },
  };
}
