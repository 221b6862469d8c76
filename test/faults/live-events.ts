/** A reader of the event stream that stays on it while the dispatcher dies and comes back, and remembers what it saw. */
import type { EventType, HiveEvent } from "@hive/core";
import type { HiveClient, StreamEvent } from "@hive/sdk";
import { isEnd } from "../sim/checkers/checker.ts";
import { monotonicMs, type RunHistory } from "./history.ts";

export interface LiveEvents {
  /** Complaints about the stream itself: a gap, a repetition, a reset. */
  readonly broken: readonly string[];
  /** Jobs whose end was told. */
  readonly over: ReadonlySet<string>;
  /** The highest fence that was given for a job. */
  fenceOf(jobId: string): number;
  /** The highest fence of this job that was begun under. */
  startedOf(jobId: string): number;
  /** The job this worker was given last, unless it is over, given back or somebody else's. */
  jobOf(workerId: string): string | null;
  /** How often this job's worker was lost, or of all jobs together. */
  losses(jobId?: string): number;
  /** The number of the last event seen. */
  last(): number;
  stop(): Promise<void>;
}

/** The event as the checkers know it: this test's server is of this checkout, so its types are ours. */
export function eventOf({ id, type, at, jobId, data }: StreamEvent): HiveEvent {
  return { id, type: type as EventType, at, jobId, data };
}

/** The lease ran out, or its worker is known to be dead. */
function isLoss({ data }: HiveEvent): boolean {
  return (data["error"] as { readonly code?: string } | undefined)?.code === "worker_lost";
}

/** Reads from the first event on until `stop`. */
export function followEvents(hive: HiveClient, history: RunHistory): LiveEvents {
  const broken: string[] = [];
  const over = new Set<string>();
  const fences = new Map<string, number>();
  const started = new Map<string, number>();
  const lost = new Map<string, number>();
  const holders = new Map<string, string>();
  const stopping = new AbortController();
  let last = 0;

  async function read(): Promise<void> {
    for await (const seen of hive.events({ after: 0, signal: stopping.signal })) {
      const event = eventOf(seen);
      const at = monotonicMs();
      if (event.id !== last + 1) broken.push(`stream: event ${event.id} (${seen.type}) came after ${last}`);
      last = event.id;
      history.add({ kind: "event", at, event });
      const { type, jobId, data } = event;
      if (jobId === null) continue;
      if (isEnd(type)) over.add(jobId);
      if (isLoss(event)) lost.set(jobId, (lost.get(jobId) ?? 0) + 1);
      if (data["status"] !== undefined && data["status"] !== "running") holders.delete(jobId);
      if (type === "job.started") started.set(jobId, Number(data["fence"]));
      if (type !== "job.leased") continue;
      holders.set(jobId, String(data["workerId"]));
      const fence = Number(data["fence"]);
      fences.set(jobId, Math.max(fence, fences.get(jobId) ?? 0));
      history.add({ kind: "granted", at, worker: String(data["workerId"]), jobId, fence });
    }
  }
  const reading = read().catch((error: unknown) => {
    broken.push(`stream: the reader was refused: ${String(error)}`);
  });
  return {
    broken,
    over,
    fenceOf: (jobId) => fences.get(jobId) ?? 0,
    startedOf: (jobId) => started.get(jobId) ?? 0,
    jobOf: (workerId) => [...holders].findLast(([, holder]) => holder === workerId)?.[0] ?? null,
    losses: (jobId) =>
      jobId === undefined ? [...lost.values()].reduce((sum, count) => sum + count, 0) : (lost.get(jobId) ?? 0),
    last: () => last,
    stop: async () => {
      stopping.abort();
      await reading;
    },
  };
}

/** All events up to number `last`, read anew from the first one. @throws when they do not come within a minute */
export async function readAllEvents(hive: HiveClient, last: number): Promise<readonly HiveEvent[]> {
  const events: HiveEvent[] = [];
  for await (const event of hive.events({ after: 0, signal: AbortSignal.timeout(60_000) })) {
    events.push(eventOf(event));
    if (event.id >= last) return events;
  }
  throw new Error(`the stream ended at event ${events.at(-1)?.id ?? 0}, there are ${last}`);
}
