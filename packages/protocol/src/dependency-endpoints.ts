/** Jobs that wait for each other, as one picture. */

import { z } from "zod";
import { endpoint, type Endpoint } from "./endpoint.ts";
import { jobIdSchema, jobSummarySchema } from "./job-schemas.ts";

/** A job in the graph. */
export const dependencyJobSchema = jobSummarySchema
  .pick({
    jobId: true,
    seq: true,
    status: true,
    reason: true,
    task: true,
    role: true,
    labels: true,
    repo: true,
    agent: true,
    createdAt: true,
    endedAt: true,
    phase: true,
    workerId: true,
    parent: true,
    candidates: true,
  })
  .meta({ id: "DependencyJob" });
export type DependencyJob = z.infer<typeof dependencyJobSchema>;

export const dependencySchema = z
  .object({
    /** The job that comes first. */
    from: z.string(),
    /** The one that waits for it, or did. */
    to: z.string(),
    /** `candidate`: `from` does the work of `to`, as one of several. */
    kind: z.enum(["dependency", "candidate"]),
    /** True while `to` still waits for `from`. */
    waits: z.boolean(),
  })
  .meta({ id: "Dependency" });
export type Dependency = z.infer<typeof dependencySchema>;

export const dependenciesSchema = z
  .object({
    /** The most important first: what was asked for and what waits, then what that hangs together with. */
    jobs: z.array(dependencyJobSchema),
    /** Only between jobs that are listed. */
    edges: z.array(dependencySchema),
    /** Jobs of the whole server that wait for another. */
    blocked: z.int(),
    /** True when more belongs to it than `limit` allows. */
    truncated: z.boolean(),
  })
  .meta({ id: "Dependencies" });
export type Dependencies = z.infer<typeof dependenciesSchema>;

export const dependencyEndpoints = {
  dependencies: endpoint({
    method: "GET",
    path: "/v1/dependencies",
    access: "owner",
    summary: "Jobs that wait for each other, with what they wait for; or the family of one job",
    query: z.strictObject({
      /** The family of this one: all it hangs together with. Default: all that waits now or did in the last hour. */
      job: jobIdSchema.optional(),
      /** Jobs listed, at most. */
      limit: z.coerce.number().int().min(1).max(1000).default(500),
    }),
    reply: { status: 200, body: dependenciesSchema },
    errors: ["not_found", "job_forgotten"],
  }),
} as const satisfies Record<string, Endpoint>;
