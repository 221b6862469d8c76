/** Health, counts and the list of workers. */

import { z } from "zod";

export const queueCountsSchema = z.object({
  held: z.int(),
  blocked: z.int(),
  scheduled: z.int(),
  queued: z.int(),
  running: z.int(),
});

export const healthSchema = z
  .object({
    ok: z.boolean(),
    version: z.string(),
    /** True on the replica that may write. */
    leader: z.boolean(),
    store: z.string(),
    queue: queueCountsSchema,
    workers: z.object({ total: z.int(), free: z.int(), busy: z.int() }),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof healthSchema>;

export const workerSchema = z
  .object({
    workerId: z.string(),
    name: z.string(),
    version: z.string(),
    roles: z.array(z.string()),
    labels: z.array(z.string()),
    provider: z.string(),
    isolation: z.string(),
    /** The fleet's pool it was started for; null when it came by itself. */
    pool: z.string().nullable(),
    agents: z.array(z.string()),
    registeredAt: z.number(),
    draining: z.boolean(),
    /** Milliseconds since it was last heard of. */
    silentMs: z.number(),
    jobId: z.string().nullable(),
    phase: z.string().nullable(),
  })
  .meta({ id: "Worker" });

export const statsSchema = z.object({
  queue: queueCountsSchema,
  /** Counted since this server started. */
  since: z.number(),
  accepted: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  canceled: z.int(),
  retried: z.int(),
  lost: z.int(),
  oldestQueuedAt: z.number().nullable(),
});
