/** What people say to jobs of agents, and what an attempt is told of that and of the attempt before it. */

import { STATUSES } from "@hive/core";
import { z } from "zod";
import { attemptErrorSchema, resultSchema } from "./job-schemas.ts";

/** Characters of the longest comment. */
export const COMMENT_LONGEST = 16_384;

const oneLine = (text: string): boolean => !/[\u0000-\u001f\u007f]/.test(text);

/** The body of `POST /v1/jobs/:jobId/comments`. */
export const newCommentSchema = z
  .strictObject({
    /** What the agent is to know or do. May be left out where only feedback is asked for. */
    text: z
      .string()
      .max(COMMENT_LONGEST)
      .refine((text) => text.trim() !== "", "must say something")
      .optional(),
    /** Who says it, for the agent and the record. Default: whose token it is. */
    author: z.string().min(1).max(128).refine(oneLine, "must be one line").optional(),
    /** True: the reviews and failed checks of the job's pull request are fetched for the agent too. Default false. */
    feedback: z.boolean().optional(),
    /** A new token for the repository: the job's own was erased when it ended. */
    githubToken: z.string().min(1).max(4096).refine(oneLine, "must be one line").optional(),
  })
  .refine((comment) => comment.text !== undefined || comment.feedback === true, {
    message: "needs text, or feedback: true",
    path: ["text"],
  })
  .meta({ id: "NewComment" });
export type NewComment = z.input<typeof newCommentSchema>;

/** What became of a new comment. */
export const commentedSchema = z
  .object({
    jobId: z.string(),
    /** The comment's number among those of its job, from 1. */
    n: z.int(),
    status: z.enum(STATUSES),
    /** The generation whose next attempt is given it; null while an attempt runs, whose end decides. */
    generation: z.int().nullable(),
  })
  .meta({ id: "Commented" });
export type Commented = z.infer<typeof commentedSchema>;

/** One comment of a job. */
export const commentSchema = z
  .object({
    n: z.int(),
    at: z.number(),
    by: z.string(),
    text: z.string(),
    feedback: z.boolean(),
    /** `untrusted`: a source brought it from outside. Absent: it is trusted. */
    trust: z.enum(["trusted", "untrusted"]).optional(),
    /** `waiting`: for the next attempt. `given`: to the latest attempt. `done`: a generation that was given it succeeded. */
    state: z.enum(["waiting", "given", "done"]),
  })
  .meta({ id: "Comment" });
export type Comment = z.infer<typeof commentSchema>;

const saidSchema = commentSchema.pick({ n: true, at: true, by: true, text: true, trust: true });

/** The comments an attempt is for. */
export const followUpSchema = z.object({
  /** What is asked now, oldest first. */
  comments: z.array(saidSchema),
  /** What was asked before and is done, oldest first; the last ten. */
  earlier: z.array(saidSchema),
  /** True: the pull request's reviews and failed checks are to be fetched too. */
  feedback: z.boolean(),
});
export type FollowUp = z.infer<typeof followUpSchema>;

/** What the attempt before said of itself, computed by its supervisor. */
export const attemptReportSchema = z.object({
  generation: z.int(),
  /** Work it made and did not publish, as a git bundle among that attempt's artifacts; null: none. */
  unpublished: z.object({ fence: z.int(), artifact: z.string() }).nullable(),
  /** `succeeded`, `failed`, `lost`, … as in the job's history. */
  end: z.string(),
  error: attemptErrorSchema.nullable(),
  ...resultSchema.pick({
    summary: true,
    verdict: true,
    diffStat: true,
    verify: true,
    branch: true,
    commit: true,
    noChanges: true,
    pullRequest: true,
    salvage: true,
    agent: true,
  }).shape,
});
export type AttemptReport = z.infer<typeof attemptReportSchema>;
