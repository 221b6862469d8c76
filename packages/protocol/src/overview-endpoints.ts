/** What happened while nobody looked, and how it went over time: for pages and programs that give an overview. */

import { TERMINAL_STATUSES } from "@hive/core";
import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";

const daySchema = z.object({
  /** In UTC. */
  day: z.string(),
  /** What model calls cost on it, as the budgets count; null: nothing is on record. */
  usd: z.number().nullable(),
  /** Calls of models without a known price: in `usd` at the dearest known price. */
  unpricedCalls: z.int(),
});

const reasonsSchema = z.array(
  z.object({
    reason: z.string(),
    count: z.int(),
    /** The latest job it happened to. */
    jobId: z.string(),
  }),
);

export const digestSchema = z
  .object({
    since: z.number(),
    until: z.number(),
    /** False: more jobs ended than are looked at. The counts are of those that ended at `from` or later. */
    whole: z.boolean(),
    from: z.number(),
    /** Jobs that ended since and are still over, by status; candidates are part of the job they work for. */
    ended: z.record(z.enum(TERMINAL_STATUSES), z.int()),
    /** Pull requests of jobs that succeeded, newest first; `count` are all, the list has the first of them. */
    pullRequests: z.object({
      count: z.int(),
      newest: z.array(
        z.object({ jobId: z.string(), repo: z.string(), number: z.int(), url: z.string(), endedAt: z.number() }),
      ),
    }),
    /** Why jobs failed, the most frequent first. */
    failures: reasonsSchema,
    /** Each day from that of `since` on, at most the last 31. */
    days: z.array(daySchema),
    /** Jobs that are held now and wait for a person; those that wait for a setting of the server are not counted. */
    decisions: z.int(),
  })
  .meta({ id: "Digest" });
export type Digest = z.infer<typeof digestSchema>;

/** How far back, and how long each point is. */
export const HISTORY_RANGES = ["1h", "24h", "7d"] as const;
export type HistoryRange = (typeof HISTORY_RANGES)[number];

const pointSchema = z.object({
  /** Where it begins; it lasts `pointMs`. */
  at: z.number(),
  /** Jobs in the status at its end. */
  queued: z.int(),
  running: z.int(),
  /** Jobs that came to this end in it; one that was retried counts each time. */
  succeeded: z.int(),
  failed: z.int(),
  canceled: z.int(),
  /** How long the jobs that a worker was given in it had been queued; null: none was given. */
  wait: z.object({ jobs: z.int(), medianMs: z.number(), longestMs: z.number() }).nullable(),
});
export type HistoryPoint = z.infer<typeof pointSchema>;

export const historySchema = z
  .object({
    range: z.enum(HISTORY_RANGES),
    from: z.number(),
    until: z.number(),
    pointMs: z.int(),
    /** Where the points begin: later than `from` when events before it are not kept, or are too many to be read. */
    since: z.number(),
    points: z.array(pointSchema),
    /** Why jobs failed since then, the most frequent first. */
    failures: reasonsSchema,
    /** The last 14 days. Costs are kept by day and not by hour. */
    days: z.array(daySchema),
  })
  .meta({ id: "History" });
export type History = z.infer<typeof historySchema>;

export const overviewEndpoints = {
  digest: endpoint({
    method: "GET",
    path: "/v1/digest",
    access: "owner",
    summary: "What happened since a moment: ends, pull requests, failures by reason, money, decisions that wait",
    query: z.strictObject({
      /** Milliseconds since 1970. */
      since: z.coerce.number().int().min(0).max(8_640_000_000_000_000),
    }),
    reply: { status: 200, body: digestSchema },
    errors: [],
  }),
  statsHistory: endpoint({
    method: "GET",
    path: "/v1/stats/history",
    access: "owner",
    summary: "Queue, throughput, waiting and failures over the last hour, day or week, from the events that are kept",
    query: z.strictObject({ range: z.enum(HISTORY_RANGES).default("24h") }),
    reply: { status: 200, body: historySchema },
    errors: [],
  }),
} as const satisfies Record<string, Endpoint>;
