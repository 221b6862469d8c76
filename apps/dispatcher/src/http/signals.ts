/**
 * The stream on which a worker hears at once of a cancel or a stop, a lease that is over, or that it is to leave. Everything said
 * here is said again in the next heartbeat: a lost stream costs a moment, nothing else.
 */

import type { Effect } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import type { StreamReply } from "./handler.ts";
import type { Metrics } from "./metrics.ts";
import { frame, openStream, type EventStream } from "./sse.ts";

type Signal = Extract<Effect, { readonly type: "signal" }>;

export interface Signals {
  /** The worker's stream; an older one of the same worker ends. */
  open(workerId: string): StreamReply;
  stop(): void;
}

export function createSignals(queue: Queue, clock: Clock, metrics: Pick<Metrics, "readers">): Signals {
  const streams = new Map<string, EventStream>();

  const unlisten = queue.onEffect((effect) => {
    if (effect.type === "signal") streams.get(effect.workerId)?.send(signalFrame(effect));
  });

  // The workers come back, and are handed on to the queen.
  const unlistenReadiness = queue.onReadiness((readiness) => {
    if (!readiness.ready && readiness.role === "standby") endAll();
  });

  function endAll(): void {
    for (const stream of streams.values()) stream.end();
  }

  /** What was said before this stream was there and still holds. */
  function standing(workerId: string): Promise<readonly Signal[]> {
    return queue.read((state) => {
      const worker = state.workers.get(workerId);
      const signals: Signal[] = [];
      if (worker === undefined) return signals;
      const job = worker.jobId === null ? undefined : state.jobs.get(worker.jobId);
      const cancel = job?.run?.cancel ?? null;
      if (job !== undefined && cancel !== null) {
        const fence = job.run?.fence ?? null;
        signals.push({ type: "signal", workerId, signal: "cancel", jobId: job.id, fence, reason: cancel.reason });
      }
      const stop = job?.run?.stop ?? null;
      if (job !== undefined && stop !== null) {
        const fence = job.run?.fence ?? null;
        signals.push({ type: "signal", workerId, signal: "stop", jobId: job.id, fence, reason: stop.message });
      }
      if (worker.record.draining) {
        signals.push({
          type: "signal",
          workerId,
          signal: "drain",
          jobId: null,
          fence: null,
          reason: "an operator drains this worker",
        });
      }
      return signals;
    });
  }

  return {
    open(workerId) {
      return {
        stream(response) {
          metrics.readers("signals", 1);
          const stream = openStream(response, clock, () => {
            metrics.readers("signals", -1);
            if (streams.get(workerId) === stream) streams.delete(workerId);
          });
          if (!stream.open) return;
          streams.get(workerId)?.end();
          streams.set(workerId, stream);
          standing(workerId).then(
            (signals) => {
              for (const signal of signals) stream.send(signalFrame(signal));
            },
            () => stream.end(),
          );
        },
      };
    },
    stop() {
      unlisten();
      unlistenReadiness();
      endAll();
    },
  };
}

function signalFrame({ signal, jobId, fence, reason }: Signal): string {
  return frame(signal, JSON.stringify({ signal, jobId, fence, reason }));
}
