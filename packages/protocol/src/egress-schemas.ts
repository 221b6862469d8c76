/** What the way out and the dispatcher say to each other. */

import { z } from "zod";
import { jobIdSchema } from "./job-schemas.ts";

/** The port of a connection on its way out. */
export const port = z.int().min(1).max(65_535);

export const leaseRef = z.strictObject({ jobId: jobIdSchema, fence: z.int().min(1) });

/**
 * Why a connection was refused; codes never change their meaning.
 * `not_allowed`: the pool's list does not name the place. `not_in_job`: the job's own `egress` list does not. `untrusted`: the job came from outside, and the place is no package registry.
 * `not_git_host`: the supervisor's token reaches the job's git host alone. `private_address`: the guard refused where the
 * name leads. `wrong_name`: the greeting names another host. `hidden_name`: the greeting hides the name it asks for
 * (encrypted client hello). `not_tls`: something else than TLS on port 443. `too_many_connections`, `too_many_bytes`:
 * the lease's limits.
 */
export const EGRESS_REFUSALS = [
  "not_allowed",
  "not_in_job",
  "untrusted",
  "not_git_host",
  "private_address",
  "wrong_name",
  "hidden_name",
  "not_tls",
  "too_many_connections",
  "too_many_bytes",
] as const;
export type EgressRefusal = (typeof EGRESS_REFUSALS)[number];

/** Whether a lease may reach a place. */
export const egressVerdictSchema = z.discriminatedUnion("allowed", [
  z.object({
    allowed: z.literal(true),
    jobId: z.string(),
    fence: z.int(),
    audience: z.enum(["worker", "egress"]),
    /** The name in a TLS greeting must be the host. */
    verifyName: z.boolean(),
    /** The host must be at a public address, also where the server may reach private ones. */
    publicOnly: z.boolean(),
  }),
  z.object({
    allowed: z.literal(false),
    jobId: z.string(),
    fence: z.int(),
    reason: z.enum(EGRESS_REFUSALS),
    /** For people: what was refused and which setting would allow it. */
    message: z.string(),
  }),
]);
export type EgressVerdict = z.output<typeof egressVerdictSchema>;

const count = z.int().min(0);

/** What passed since the last report, and the leases that are asked about. */
export const egressReportSchema = z.strictObject({
  leases: z.array(leaseRef).max(10_000),
  /** Connections open now. */
  connections: count,
  /** Bytes towards the outside, and back, since the last report. */
  bytesOut: count,
  bytesIn: count,
});
