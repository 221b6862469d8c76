/** The calls on each job, out of a run's history and the stream of events, for the search in `linear.ts`. */
import { isEnd } from "../sim/checkers/checker.ts";
import type { Entry } from "../sim/history.ts";
import { type Call, type Operation, whyNotLinear } from "./linear.ts";

/**
 * One line for each job whose history no order explains. Leases and ends of jobs are those of the stream, which happened
 * some time before somebody saw them; a job that went into a second generation is left to the other checkers.
 */
export function historiesNotLinear(entries: readonly Entry[]): readonly string[] {
  const events = entries.flatMap((entry) => (entry.kind === "event" ? [entry.event] : []));
  const reopened = new Set(events.flatMap(({ jobId, data }) => (Number(data["generation"]) > 1 ? [jobId] : [])));
  return [...callsByJob(entries)].flatMap(([jobId, calls]) => {
    if (reopened.has(jobId)) return [];
    const why = whyNotLinear(calls);
    return why === null ? [] : [`linear: ${jobId}: ${why}`];
  });
}

function callsByJob(entries: readonly Entry[]): ReadonlyMap<string, readonly Call[]> {
  const found = new Map<string, Call[]>();
  const begun = new Map<string, number>();
  const claims = new Map<string, number>();
  const add = (jobId: string, call: Call): void => {
    found.set(jobId, [...(found.get(jobId) ?? []), call]);
  };
  const since = (jobId: string): number => begun.get(jobId) ?? 0;
  for (const entry of entries)
    if (entry.kind === "enqueue") begun.set(entry.id, Math.min(entry.sentAt, begun.get(entry.id) ?? entry.sentAt));
  for (const entry of entries) {
    switch (entry.kind) {
      case "enqueue": {
        const isTaken = entry.outcome === "ok";
        const unknown = entry.outcome === "unknown" || entry.outcome.endsWith("try again");
        const outcome = isTaken ? "ok" : unknown ? "unknown" : "refused";
        add(entry.id, callOf({ what: "enqueue" }, entry.sentAt, entry.at, outcome));
        break;
      }
      case "read":
        if (entry.sentAt !== undefined) {
          const seen = entry.job === null ? null : { status: entry.job.status, fence: entry.job.fence };
          add(entry.id, callOf({ what: "read", seen }, entry.sentAt, entry.at, "ok"));
        }
        break;
      case "granted": {
        // Told by the stream and by whoever got it: the earlier of both.
        const lease = `${entry.jobId} ${entry.fence}`;
        claims.set(lease, Math.min(entry.at, claims.get(lease) ?? entry.at));
        break;
      }
      case "write": {
        const operation = writeOf(entry);
        const outcome = entry.outcome === "ok" ? "ok" : entry.outcome === "lease_lost" ? "refused" : "unknown";
        add(entry.jobId, callOf(operation, entry.sentAt, entry.at, outcome));
        break;
      }
      case "event": {
        const { type, jobId, data } = entry.event;
        if (jobId === null || !isEnd(type)) break;
        const fence = data["fence"] === undefined ? null : Number(data["fence"]);
        const end: Operation = { what: "end", fence, status: type.slice("job.".length) };
        add(jobId, callOf(end, since(jobId), entry.at, "ok"));
        break;
      }
      default:
        break;
    }
  }
  for (const [lease, at] of claims) {
    const [jobId = "", fence] = lease.split(" ");
    add(jobId, callOf({ what: "claim", fence: Number(fence) }, since(jobId), at, "ok"));
  }
  return found;
}

function callOf(operation: Operation, from: number, at: number, outcome: Call["outcome"]): Call {
  return { operation, from, to: outcome === "unknown" ? Number.POSITIVE_INFINITY : at, outcome };
}

function writeOf({ what, fence, token, finishId, status, at }: Extract<Entry, { readonly kind: "write" }>): Operation {
  if (what !== "finish") return { what: "heartbeat", fence };
  return { what: "finish", fence, id: finishId ?? token ?? `at ${at}`, status: status ?? "" };
}
