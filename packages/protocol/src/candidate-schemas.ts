/** The shapes of candidates on the wire: how they compare, and what a worker is told to work on one or to publish one. */

import { CHOOSE_BY, STATUSES } from "@hive/core";
import { z } from "zod";
import { verifySchema } from "./job-schemas.ts";

const commit = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

/** One candidate beside the others. What is not known yet, or never will be, is null. */
export const candidateSchema = z
  .object({
    /** From 1. */
    n: z.int(),
    jobId: z.string(),
    status: z.enum(STATUSES),
    reason: z.string().nullable(),
    agent: z.string().nullable(),
    agentVersion: z.string().nullable(),
    model: z.string().nullable(),
    branch: z.string().nullable(),
    commit: z.string().nullable(),
    diffStat: z.object({ files: z.int(), insertions: z.int(), deletions: z.int() }).nullable(),
    /** The repository's own test: `green`, `red`, `none` (the repository names none, or it was not wanted), null: not run. */
    tests: z.enum(["green", "red", "none"]).nullable(),
    /** What is known of its cost over all its attempts. */
    costUsd: z.number().nullable(),
    inputTokens: z.int().nullable(),
    outputTokens: z.int().nullable(),
    /** Milliseconds of the attempt that made the result. */
    ms: z.number().nullable(),
    summary: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    /** True when it can be chosen: it is over and pushed a commit, or ended well without a change. */
    choosable: z.boolean(),
  })
  .meta({ id: "Candidate" });
export type Candidate = z.infer<typeof candidateSchema>;

/** All candidates of one job, in order. */
export const candidatesReplySchema = z
  .object({
    jobId: z.string(),
    status: z.enum(STATUSES),
    reason: z.string().nullable(),
    choose: z.enum(CHOOSE_BY),
    /** The number of the chosen one; null until then. */
    chosen: z.int().nullable(),
    /** Why that one, or why none. */
    why: z.string().nullable(),
    /** Where all of them start; null until the first was prepared. */
    start: z.object({ base: z.string(), commit: z.string() }).nullable(),
    candidates: z.array(candidateSchema),
  })
  .meta({ id: "Candidates" });
export type CandidatesReply = z.infer<typeof candidatesReplySchema>;

/** For a lease of a candidate: whose it is, and the branch the chosen one will be published to. */
export const candidateOfSchema = z.object({
  parent: z.string(),
  n: z.int(),
  /** The parent's branch: where it exists at the remote, all candidates go on from there. */
  branch: z.string(),
});

/** A branch that candidates pushed, and the commits they announced for it: only at one of those may it be deleted. */
const announcedBranchSchema = z.object({ ref: z.string(), commits: z.array(z.string()) });

/** For a lease that publishes a chosen candidate: what to publish, and what to clean up afterwards. */
export const chosenSchema = z.object({
  n: z.int(),
  jobId: z.string(),
  branch: z.string().nullable(),
  /** Null: it ended well without a change. */
  commit: z.string().nullable(),
  start: z.object({ base: z.string(), commit: z.string() }).nullable(),
  summary: z.string().nullable(),
  verdict: z.string().nullable(),
  agent: z.object({ name: z.string(), version: z.string().nullable(), model: z.string().nullable() }).nullable(),
  /** What the repository's own tests said of it. */
  verify: verifySchema.nullable(),
  /** Why this one, in words. */
  why: z.string().nullable(),
  branches: z.array(announcedBranchSchema),
});

/** The body and the reply of the agreement on where candidates start. */
export const candidateStartSchema = z.strictObject({ base: commit, commit });
