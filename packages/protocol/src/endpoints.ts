/**
 * Every endpoint of Hive, in one readable list. The server mounts them, the SDK and the CLI call them, OpenAPI describes
 * them. A path that is not here does not exist.
 */

import { CANDIDATES_MAX, STATUSES } from "@hive/core";
import { z } from "zod";
import { candidatesReplySchema } from "./candidate-schemas.ts";
import { commentedSchema, commentSchema, newCommentSchema } from "./comment-schemas.ts";
import { dependencyEndpoints } from "./dependency-endpoints.ts";
import { endpoint, type Endpoint } from "./endpoint.ts";
import {
  acceptedSchema,
  artifactName,
  callbackSchema,
  cursorSchema,
  eventSchema,
  fence,
  jobDetailSchema,
  jobIdSchema,
  jobSummarySchema,
  limitSchema,
  newJobSchema,
  offset,
} from "./job-schemas.ts";
import { fleetEndpoints } from "./fleet-endpoints.ts";
import { overviewEndpoints } from "./overview-endpoints.ts";
import { notifyEndpoints } from "./notify-endpoints.ts";
import { scheduleEndpoints } from "./schedule-endpoints.ts";
import { sessionEndpoints } from "./session-endpoints.ts";
import { sourceEndpoints } from "./source-endpoints.ts";
import { dayBudgetsSchema, healthSchema, readySchema, statsSchema } from "./server-schemas.ts";
import { workerEndpoints } from "./worker-endpoints.ts";

const jobParams = z.object({ jobId: jobIdSchema });
const flag = z
  .enum(["true", "false", "1", "0", ""])
  .transform((text) => text === "true" || text === "1" || text === "");
const statusReply = z.object({ jobId: z.string(), status: z.enum(STATUSES), reason: z.string().nullable() });
const because = z.strictObject({ reason: z.string().max(1024).optional() }).optional();
const jobFilter = z.strictObject({
  status: z.enum(STATUSES).optional(),
  repo: z.string().max(2048).optional(),
});

export const endpoints = {
  health: endpoint({
    method: "GET",
    path: "/health",
    access: "open",
    summary: "What this server is and how much waits; needs no login",
    reply: { status: 200, body: healthSchema },
    errors: [],
  }),
  ready: endpoint({
    method: "GET",
    path: "/health/ready",
    access: "open",
    summary: "200 while it can accept work, itself or through the queen, else 503 with the reason",
    reply: { status: 200, body: readySchema },
    errors: ["not_ready"],
  }),
  enqueue: endpoint({
    method: "POST",
    path: "/enqueue",
    access: "owner",
    summary: "Puts one job in; it is safe on the disk before the reply",
    body: newJobSchema,
    reply: { status: 202, body: acceptedSchema },
    errors: ["id_conflict", "idempotency_conflict", "unknown_dependency", "dependency_cycle", "queue_full"],
  }),
  createJobs: endpoint({
    method: "POST",
    path: "/v1/jobs",
    access: "owner",
    summary: "Puts one job in, or up to 1,000 at once: all or none",
    body: z.union([newJobSchema, z.strictObject({ jobs: z.array(newJobSchema).min(1).max(1000) })]),
    reply: { status: 202, body: z.object({ jobs: z.array(acceptedSchema) }) },
    errors: ["id_conflict", "idempotency_conflict", "unknown_dependency", "dependency_cycle", "queue_full"],
    bodyLimit: 16 * 1_048_576,
  }),
  listJobs: endpoint({
    method: "GET",
    path: "/v1/jobs",
    access: "owner",
    summary: "Jobs, newest first, by status, by repository or by both",
    query: z.strictObject({
      status: z.enum(STATUSES).optional(),
      repo: z.string().max(2048).optional(),
      cursor: cursorSchema.optional(),
      limit: limitSchema,
      order: z.enum(["newest", "oldest"]).default("newest"),
    }),
    reply: { status: 200, body: z.object({ jobs: z.array(jobSummarySchema), next: z.string().nullable() }) },
    errors: [],
  }),
  getJob: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId",
    access: "owner",
    summary: "One job with its attempts and result, and why it waits",
    params: jobParams,
    reply: { status: 200, body: jobDetailSchema },
    errors: ["not_found", "job_forgotten"],
  }),
  jobEvents: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/events",
    access: "owner",
    summary: "What happened to one job, oldest or newest first",
    params: jobParams,
    query: z.strictObject({
      cursor: cursorSchema.optional(),
      limit: limitSchema,
      order: z.enum(["newest", "oldest"]).default("oldest"),
    }),
    reply: { status: 200, body: z.object({ events: z.array(eventSchema), next: z.string().nullable() }) },
    errors: ["not_found", "job_forgotten"],
  }),
  jobLogs: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/logs",
    access: "owner",
    summary:
      "The log of the last attempt, or of one fence; `Range: bytes=…` for a part, `follow` to stay until the end, `from` to go on at a byte",
    params: jobParams,
    query: z.strictObject({ fence: fence.optional(), follow: flag.optional(), from: offset.optional() }),
    reply: { status: 200, body: "text" },
    errors: ["not_found", "job_forgotten", "range_not_satisfiable"],
  }),
  jobDiff: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/diff",
    access: "owner",
    summary: "The diff the job made, as text",
    params: jobParams,
    reply: { status: 200, body: "text" },
    errors: ["not_found", "job_forgotten"],
  }),
  jobArtifacts: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/artifacts",
    access: "owner",
    summary: "The files the job's attempts left",
    params: jobParams,
    reply: {
      status: 200,
      body: z.object({
        artifacts: z.array(z.object({ fence: z.int(), name: z.string(), bytes: z.int(), sha256: z.string() })),
      }),
    },
    errors: ["not_found", "job_forgotten"],
  }),
  jobArtifact: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/artifacts/:fence/:name",
    access: "owner",
    summary: "One file a job left, always as a download",
    params: z.object({ jobId: jobIdSchema, fence, name: artifactName }),
    reply: { status: 200, body: "bytes" },
    errors: ["not_found", "job_forgotten"],
  }),
  cancelJob: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/cancel",
    access: "owner",
    summary: "Cancels a job: at once while it waits, through its worker while it runs",
    params: jobParams,
    body: because,
    reply: { status: 200, body: statusReply },
    errors: ["not_found", "job_forgotten", "wrong_status"],
  }),
  retryJob: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/retry",
    access: "owner",
    summary: "Begins a new generation of a failed or canceled job",
    params: jobParams,
    reply: { status: 200, body: statusReply.extend({ generation: z.int() }) },
    errors: ["not_found", "job_forgotten", "wrong_status"],
  }),
  commentJob: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/comments",
    access: "owner",
    summary:
      "Says something to an agent's job: a job that is over goes on with it on its branch, any other once an attempt of its begins",
    params: jobParams,
    body: newCommentSchema,
    reply: { status: 201, body: commentedSchema },
    errors: [
      "not_found",
      "job_forgotten",
      "wrong_status",
      "not_supported",
      "too_many_comments",
      "idempotency_conflict",
      "queue_full",
    ],
  }),
  listComments: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/comments",
    access: "owner",
    summary: "What was said to a job, oldest first, and how far it got",
    params: jobParams,
    query: z.strictObject({ cursor: cursorSchema.optional(), limit: limitSchema }),
    reply: { status: 200, body: z.object({ comments: z.array(commentSchema), next: z.string().nullable() }) },
    errors: ["not_found", "job_forgotten"],
  }),
  approveJob: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/approve",
    access: "owner",
    summary: "Lets a held job go on; to publish, name the bundle's SHA-256 that was looked at",
    params: jobParams,
    body: z
      .strictObject({
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .optional(),
      })
      .optional(),
    reply: { status: 200, body: statusReply },
    errors: ["not_found", "job_forgotten", "wrong_status", "approval_mismatch"],
  }),
  rejectJob: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/reject",
    access: "owner",
    summary: "Ends a held job as canceled",
    params: jobParams,
    body: because,
    reply: { status: 200, body: statusReply },
    errors: ["not_found", "job_forgotten", "wrong_status"],
  }),
  jobCandidates: endpoint({
    method: "GET",
    path: "/v1/jobs/:jobId/candidates",
    access: "owner",
    summary: "The candidates of a job side by side: tests, size of the diff, cost, time, agent and model",
    params: jobParams,
    reply: { status: 200, body: candidatesReplySchema },
    errors: ["not_found", "job_forgotten"],
  }),
  chooseCandidate: endpoint({
    method: "POST",
    path: "/v1/jobs/:jobId/choose",
    access: "owner",
    summary: "Says which candidate of a job is published, by its number from 1",
    params: jobParams,
    body: z.strictObject({ candidate: z.int().min(1).max(CANDIDATES_MAX) }),
    reply: { status: 200, body: statusReply },
    errors: ["not_found", "job_forgotten", "wrong_status"],
  }),
  bulkJobs: endpoint({
    method: "POST",
    path: "/v1/jobs/bulk",
    access: "owner",
    summary: "Cancels, retries, approves or rejects all jobs a filter finds, in chunks; a dry run only counts",
    body: z.strictObject({
      action: z.enum(["cancel", "retry", "approve", "reject"]),
      filter: jobFilter,
      dryRun: z.boolean().default(false),
      /** Where the last chunk ended; absent for the first. */
      cursor: cursorSchema.optional(),
      /** Jobs per chunk. */
      limit: z.int().min(1).max(1000).default(200),
    }),
    reply: {
      status: 200,
      body: z.object({
        matched: z.int(),
        done: z.int(),
        /** Jobs the action did not fit, with the reason. */
        skipped: z.array(z.object({ jobId: z.string(), code: z.string(), detail: z.string() })),
        next: z.string().nullable(),
      }),
    },
    errors: ["bad_filter"],
  }),
  events: endpoint({
    method: "GET",
    path: "/v1/events",
    access: "owner",
    summary: "Everything that happens, as server-sent events with numeric ids; goes on after `Last-Event-ID`",
    query: z.strictObject({ jobId: jobIdSchema.optional(), after: offset.optional() }),
    reply: { status: 200, body: "events" },
    errors: [],
  }),
  ...fleetEndpoints,
  backup: endpoint({
    method: "GET",
    path: "/v1/backup",
    access: "owner",
    summary:
      "Everything this server keeps, of one moment, while it goes on: compressed lines of JSON, for hive restore",
    reply: { status: 200, body: "bytes" },
    errors: ["too_many_requests", "store_failed"],
  }),
  listBudgets: endpoint({
    method: "GET",
    path: "/v1/budgets",
    access: "owner",
    summary: "What model calls may use in a day, of all jobs and of each project, and what they have used",
    query: z.strictObject({
      /** A day in UTC, such as 2026-11-23. Default: today. */
      day: z.iso.date().optional(),
    }),
    reply: { status: 200, body: dayBudgetsSchema },
    errors: [],
  }),
  listCallbacks: endpoint({
    method: "GET",
    path: "/v1/callbacks",
    access: "owner",
    summary: "Callbacks with their attempts, by job or by state",
    query: z.strictObject({
      jobId: jobIdSchema.optional(),
      state: z.enum(["pending", "delivered", "dead"]).optional(),
      cursor: cursorSchema.optional(),
      limit: limitSchema,
    }),
    reply: { status: 200, body: z.object({ callbacks: z.array(callbackSchema), next: z.string().nullable() }) },
    errors: ["bad_filter"],
  }),
  redeliverCallback: endpoint({
    method: "POST",
    path: "/v1/callbacks/:id/redeliver",
    access: "owner",
    summary: "Sends a callback again, with the same id and body",
    params: z.object({ id: offset }),
    reply: { status: 200, body: z.object({ id: z.int(), state: z.string() }) },
    errors: ["not_found", "job_forgotten"],
  }),
  ...dependencyEndpoints,
  ...sessionEndpoints,
  ...scheduleEndpoints,
  ...sourceEndpoints,
  ...notifyEndpoints,
  stats: endpoint({
    method: "GET",
    path: "/v1/stats",
    access: "owner",
    summary: "Counts since the start and what waits",
    reply: { status: 200, body: statsSchema },
    errors: [],
  }),
  ...overviewEndpoints,
  metrics: endpoint({
    method: "GET",
    path: "/metrics",
    access: "owner",
    summary: "The same and more for Prometheus",
    reply: { status: 200, body: "text" },
    errors: [],
  }),
  openapi: endpoint({
    method: "GET",
    path: "/openapi.json",
    access: "open",
    summary: "This API as OpenAPI 3.1",
    reply: { status: 200, body: z.record(z.string(), z.unknown()) },
    errors: [],
  }),
  docs: endpoint({
    method: "GET",
    path: "/docs",
    access: "open",
    summary: "This API for people",
    reply: { status: 200, body: "html" },
    errors: [],
  }),

  ...workerEndpoints,
} as const satisfies Record<string, Endpoint>;

export type Endpoints = typeof endpoints;
export type EndpointName = keyof Endpoints;
