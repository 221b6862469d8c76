/** Workers and their pools, as the owner sees them. */

import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { poolSchema, workerJobSchema, workerSchema } from "./server-schemas.ts";

export const fleetEndpoints = {
  listWorkers: endpoint({
    method: "GET",
    path: "/v1/workers",
    access: "owner",
    summary: "Every registered worker and what it does now",
    reply: { status: 200, body: z.object({ workers: z.array(workerSchema) }) },
    errors: [],
  }),
  drainWorker: endpoint({
    method: "POST",
    path: "/v1/workers/:workerId/drain",
    access: "owner",
    summary: "Lets a worker finish its job and take no more; `draining: false` takes that back",
    params: z.object({ workerId: z.string().max(128) }),
    body: z.strictObject({ draining: z.boolean().default(true) }).optional(),
    reply: { status: 200, body: z.object({ workerId: z.string(), draining: z.boolean() }) },
    errors: ["not_found"],
  }),
  workerJobs: endpoint({
    method: "GET",
    path: "/v1/workers/:workerId/jobs",
    access: "owner",
    summary: "What a worker did: of the jobs that ended last those whose last attempt it had, newest first",
    params: z.object({ workerId: z.string().max(128) }),
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(10) }),
    reply: { status: 200, body: z.object({ jobs: z.array(workerJobSchema) }) },
    errors: [],
  }),
  listPools: endpoint({
    method: "GET",
    path: "/v1/pools",
    access: "owner",
    summary:
      "The kinds of workers this server starts: how many there are, how many there should be, what is in the way",
    reply: { status: 200, body: z.object({ pools: z.array(poolSchema) }) },
    errors: [],
  }),
} as const satisfies Record<string, Endpoint>;
