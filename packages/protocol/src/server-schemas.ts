/** Health, counts and the list of workers. */

import { z } from "zod";
import { accountSchema, jobSummarySchema } from "./job-schemas.ts";

export const queueCountsSchema = z.object({
  held: z.int(),
  blocked: z.int(),
  scheduled: z.int(),
  queued: z.int(),
  running: z.int(),
});

/** What a server is among those that share a store; one alone is the queen. */
export const roleSchema = z.enum(["queen", "standby", "starting", "recovering", "stopped"]);
export type ServerRole = z.infer<typeof roleSchema>;

export const healthSchema = z
  .object({
    ok: z.boolean(),
    version: z.string(),
    /** True on the replica that may write. */
    leader: z.boolean(),
    /** A standby hands requests on to the queen; its counts are hers. */
    role: roleSchema,
    store: z.string(),
    queue: queueCountsSchema,
    workers: z.object({ total: z.int(), free: z.int(), busy: z.int() }),
    /** What may be lost although it was acknowledged, a sentence each; empty: nothing. */
    warnings: z.array(z.string()).default([]),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof healthSchema>;

export const readySchema = z.object({ ready: z.literal(true), store: z.string(), role: roleSchema });

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
    /** When it was given its job, in milliseconds since 1970. */
    jobSince: z.number().nullable(),
  })
  .meta({ id: "Worker" });
export type Worker = z.infer<typeof workerSchema>;

/** A job that a worker did, as its last attempt. */
export const workerJobSchema = jobSummarySchema
  .pick({ jobId: true, status: true, reason: true, task: true, role: true, repo: true })
  .extend({ grantedAt: z.number(), endedAt: z.number(), end: z.string() })
  .meta({ id: "WorkerJob" });

/** A kind of worker that the server starts: its settings, and how it is. */
export const poolSchema = z
  .object({
    name: z.string(),
    provider: z.string(),
    isolation: z.string(),
    image: z.string().nullable(),
    /** Names the image's content; null while no worker was started from it. */
    imageDigest: z.string().nullable(),
    roles: z.array(z.string()),
    labels: z.array(z.string()),
    /** Agents its workers offer; null before the first one registered. */
    agents: z.array(z.string()).nullable(),
    min: z.int(),
    max: z.int(),
    warm: z.int(),
    cpus: z.number().nullable(),
    memoryBytes: z.int().nullable(),
    diskBytes: z.int().nullable(),
    pids: z.int().nullable(),
    timeoutMs: z.int().nullable(),
    hours: z.array(z.string()),
    paused: z.boolean(),
    egress: z.array(z.string()).nullable(),
    state: z.enum([
      "ok",
      "starting_up",
      "backing_off",
      "image_missing",
      "building_image",
      "engine_unreachable",
      "paused",
      "outside_hours",
      "removed",
    ]),
    /** The same in words, with the reason. */
    message: z.string(),
    /** Jobs that could run now and are for this pool. */
    runnable: z.int(),
    /** Workers there should be. */
    desired: z.int(),
    workers: z.object({ starting: z.int(), idle: z.int(), busy: z.int(), draining: z.int() }),
    /** Boots that failed in a row. */
    failures: z.int(),
    lastError: z.object({ at: z.number(), message: z.string() }).nullable(),
    /** When it starts one again after failed boots, in milliseconds since 1970. */
    nextTryAt: z.number().nullable(),
  })
  .meta({ id: "Pool" });
export type Pool = z.infer<typeof poolSchema>;

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

/** An account of one day. */
const dayAccountSchema = accountSchema.extend({
  /** Calls of models without a known price: in `spent.usd` at the dearest known price. */
  unpricedCalls: z.int(),
  /** Calls whose last figures never came: in `spent.usd` at the worst they can have cost. */
  uncertainCalls: z.int(),
});

export const dayBudgetsSchema = z
  .object({
    /** In UTC. */
    day: z.string(),
    /** All jobs of the server. */
    server: dayAccountSchema,
    /** The rules of `repos` in hive.yaml that have a budget of the day. */
    projects: z.array(dayAccountSchema.extend({ match: z.string() })),
    /** The sources in hive.yaml that have a budget of the day. */
    sources: z.array(dayAccountSchema.extend({ source: z.string() })),
  })
  .meta({ id: "DayBudgets" });
export type DayBudgets = z.infer<typeof dayBudgetsSchema>;
