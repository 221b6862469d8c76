/**
 * The half of the endpoint list for workers and the server's own processes: `docs/worker-protocol.md` tells the story, so that any
 * language can write a worker.
 */

import { STATUSES } from "@hive/core";
import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { EGRESS_REFUSALS, egressReportSchema, egressVerdictSchema, leaseRef, port } from "./egress-schemas.ts";
import { candidateStartSchema } from "./candidate-schemas.ts";
import { artifactName, fence, jobIdSchema, offset } from "./job-schemas.ts";
import { gatewayEndpoints } from "./gateway-endpoints.ts";
import { mirrorReplySchema, mirrorRequestSchema } from "./mirror-schemas.ts";
import {
  claimSchema,
  factsReplySchema,
  finishSchema,
  heartbeatReplySchema,
  heartbeatSchema,
  leaseSchema,
  publishSchema,
  registeredSchema,
  registerSchema,
  reportSchema,
  secretsReplySchema,
} from "./worker-schemas.ts";

/** What a worker calls a cache: a hash of what it is made for, see docs/worker-protocol.md. */
const cacheName = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");

export const workerEndpoints = {
  workerRegister: endpoint({
    method: "POST",
    path: "/v1/worker/register",
    access: "registration",
    summary: "A worker proves itself and gets a token of its own",
    body: registerSchema,
    reply: { status: 201, body: registeredSchema },
    errors: ["registration_refused", "worker_outdated"],
  }),
  workerClaim: endpoint({
    method: "POST",
    path: "/v1/worker/claim",
    access: "worker",
    summary: "Asks for one job and waits for it; the lease is on the disk before the reply",
    body: claimSchema,
    reply: { status: 200, body: z.object({ lease: leaseSchema.nullable(), drain: z.boolean() }) },
    errors: ["worker_unknown", "worker_busy"],
  }),
  workerSignals: endpoint({
    method: "GET",
    path: "/v1/worker/signals",
    access: "worker",
    summary: "An open stream that brings cancel, stale and drain at once",
    reply: { status: 200, body: "events" },
    errors: ["worker_unknown"],
  }),
  workerGoodbye: endpoint({
    method: "POST",
    path: "/v1/worker/goodbye",
    access: "worker",
    summary: "The worker leaves; a job it still holds goes back uncounted",
    reply: { status: 200, body: z.object({ ended: z.string().nullable() }) },
    errors: ["worker_unknown"],
  }),
  leaseHeartbeat: endpoint({
    method: "POST",
    path: "/v1/worker/heartbeat",
    access: "lease",
    summary: "Keeps the lease; the first one begins the attempt, the reply carries cancel and drain",
    body: heartbeatSchema,
    reply: { status: 200, body: heartbeatReplySchema },
    errors: ["lease_lost"],
  }),
  leaseLogs: endpoint({
    method: "POST",
    path: "/v1/worker/logs",
    access: "lease",
    summary: "Appends bytes to the attempt's log at an offset",
    query: z.strictObject({ offset }),
    body: "bytes",
    reply: { status: 200, body: z.object({ committed: z.int() }) },
    errors: ["lease_lost", "wrong_offset", "log_differs", "log_too_large"],
  }),
  leaseEvents: endpoint({
    method: "POST",
    path: "/v1/worker/events",
    access: "lease",
    summary: "What the agent does, as structured events",
    body: reportSchema,
    reply: { status: 200, body: z.object({ accepted: z.int() }) },
    errors: ["lease_lost", "not_begun"],
  }),
  leaseSecrets: endpoint({
    method: "POST",
    path: "/v1/worker/secrets",
    access: "lease",
    summary: "The credentials of the job's repository, for the supervisor alone",
    reply: { status: 200, body: secretsReplySchema },
    errors: ["lease_lost", "not_begun"],
  }),
  leasePutArtifact: endpoint({
    method: "PUT",
    path: "/v1/worker/artifacts/:name",
    access: "lease",
    summary: "Keeps one file of the attempt",
    params: z.object({ name: artifactName }),
    query: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    body: "bytes",
    bodyLimit: 256 * 1_048_576,
    reply: { status: 200, body: z.object({ name: z.string(), bytes: z.int(), sha256: z.string() }) },
    errors: ["lease_lost", "not_begun", "artifact_mismatch", "artifact_exists", "too_many_artifacts"],
  }),
  leaseGetArtifact: endpoint({
    method: "GET",
    path: "/v1/worker/artifacts/:fence/:name",
    access: "lease",
    summary: "A file an earlier attempt of the same job left",
    params: z.object({ fence, name: artifactName }),
    reply: { status: 200, body: "bytes" },
    errors: ["lease_lost", "not_found"],
  }),
  leaseMirror: endpoint({
    method: "POST",
    path: "/v1/worker/mirror",
    access: "lease",
    summary: "The job's repository, read-only beside the worker, for workers in containers",
    body: mirrorRequestSchema,
    reply: { status: 200, body: mirrorReplySchema },
    errors: ["lease_lost", "not_begun"],
  }),
  leaseGetCache: endpoint({
    method: "GET",
    path: "/v1/worker/caches/:name",
    access: "lease",
    summary: "A dependency cache of the job's repository",
    params: z.object({ name: cacheName }),
    reply: { status: 200, body: "bytes" },
    errors: ["lease_lost", "not_begun", "not_found"],
  }),
  leasePutCache: endpoint({
    method: "PUT",
    path: "/v1/worker/caches/:name",
    access: "lease",
    summary:
      "Keeps a dependency cache in the place of the one before; only untainted builds, tests and lints at base may",
    params: z.object({ name: cacheName }),
    query: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
    body: "bytes",
    bodyLimit: 1_024 * 1_048_576,
    reply: { status: 200, body: z.object({ bytes: z.int(), sha256: z.string() }) },
    errors: ["lease_lost", "not_begun", "forbidden", "cache_mismatch"],
  }),
  leasePublish: endpoint({
    method: "POST",
    path: "/v1/worker/publish",
    access: "lease",
    summary: "Announces the commit that is about to be pushed; only then may it be",
    body: publishSchema,
    reply: { status: 200, body: z.object({ announced: z.literal(true) }) },
    errors: ["lease_lost", "not_begun"],
  }),
  leaseStart: endpoint({
    method: "POST",
    path: "/v1/worker/start",
    access: "lease",
    summary: "Where a candidate starts: it says where it would, and is told where all of them do",
    body: candidateStartSchema,
    reply: { status: 200, body: candidateStartSchema },
    errors: ["lease_lost", "not_begun"],
  }),
  leaseFacts: endpoint({
    method: "GET",
    path: "/v1/worker/facts",
    access: "lease",
    summary: "What the server knows of the job's work and its worker cannot: what it used, which places it was refused",
    reply: { status: 200, body: factsReplySchema },
    errors: ["lease_lost", "not_begun"],
  }),
  leaseFinish: endpoint({
    method: "POST",
    path: "/v1/worker/finish",
    access: "lease",
    summary: "Ends the attempt; the same end again gets the same answer",
    body: finishSchema,
    reply: { status: 200, body: z.object({ status: z.enum(STATUSES) }) },
    errors: ["lease_lost", "not_begun", "log_incomplete", "log_differs"],
  }),

  ...gatewayEndpoints,

  egressOpen: endpoint({
    method: "POST",
    path: "/v1/egress/open",
    access: "server",
    summary: "May the lease of this `egress` or `worker` token reach this place? A no becomes an event of the job",
    body: z.strictObject({ token: z.string().max(4096), host: z.string().min(1).max(1024), port }),
    reply: { status: 200, body: egressVerdictSchema },
    errors: ["lease_lost", "not_begun", "invalid_field"],
  }),
  egressBlocked: endpoint({
    method: "POST",
    path: "/v1/egress/blocked",
    access: "server",
    summary: "A connection was refused after it was allowed: by its address, its greeting or a limit",
    body: z.strictObject({
      jobId: jobIdSchema,
      fence: z.int().min(1),
      host: z.string().min(1).max(256),
      port,
      reason: z.enum(EGRESS_REFUSALS),
      message: z.string().max(1024),
    }),
    reply: { status: 200, body: z.object({ told: z.boolean() }) },
    errors: ["lease_lost"],
  }),
  egressReport: endpoint({
    method: "POST",
    path: "/v1/egress/report",
    access: "server",
    summary: "Which of these leases are over? And what passed since the last report",
    body: egressReportSchema,
    reply: { status: 200, body: z.object({ over: z.array(leaseRef) }) },
    errors: [],
  }),
} as const satisfies Record<string, Endpoint>;
