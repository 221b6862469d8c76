/** What an attempt is told beside its instructions: what was said to the job, and what the attempt before it did. */

import { commentId, type AttemptRecord, type CommentRecord, type Document, type Job } from "@hive/core";
import type { AttemptReport, Comment, FollowUp } from "@hive/protocol";
import type { Queue } from "../queue/contract.ts";
import { everyDocument } from "../store/every-document.ts";

/** Comments that were done before, told again for what they explain. */
const EARLIER = 10;

/** The comments the job's present lease is for; null: it is for none. */
export async function followUpOf(queue: Pick<Queue, "documents">, job: Job): Promise<FollowUp | null> {
  const { comments } = job;
  if (comments === undefined || comments.given === comments.done) return null;
  const first = Math.max(1, comments.done + 1 - EARLIER);
  const given = { from: commentId(job.id, first), below: commentId(job.id, comments.given + 1) };
  const all: CommentRecord[] = [];
  for await (const { doc } of everyDocument(queue.documents, { collection: "comments", ...given }))
    all.push(asComment(doc));
  const now = all.filter(({ n }) => n > comments.done);
  return {
    comments: now.map(said),
    earlier: all.filter(({ n }) => n <= comments.done).map(said),
    feedback: now.some(({ feedback }) => feedback),
  };
}

/** Was anything said that the attempt before was not given? Then there is work to do, however close it came. */
export function hearsNews({ comments }: Job, before: AttemptRecord | undefined): boolean {
  return comments !== undefined && comments.given > (before?.comments?.upTo ?? comments.done);
}

/** What the next attempt is told of this one; null when nothing is known of it. */
export function reportOf(attempt: AttemptRecord | undefined): AttemptReport | null {
  if (attempt === undefined) return null;
  const { generation, end, error, result } = attempt;
  return {
    generation,
    unpublished: unpublishedOf(attempt),
    end,
    error,
    summary: result?.summary ?? null,
    verdict: result?.verdict ?? null,
    diffStat: result?.diffStat ?? null,
    verify: result?.verify ?? null,
    branch: result?.branch ?? null,
    commit: result?.commit ?? null,
    noChanges: result?.noChanges ?? false,
    pullRequest: result?.pullRequest ?? null,
    salvage: result?.salvage ?? null,
    agent: result?.agent ?? null,
  };
}

/** The bundle of an attempt whose work was kept aside, or waited for an approval it did not get. */
function unpublishedOf({ fence, end, result }: AttemptRecord): AttemptReport["unpublished"] {
  const bundles = result?.artifacts.map(({ name }) => name).filter((name) => name.endsWith(".bundle")) ?? [];
  const artifact = end === "awaits_approval" ? bundles[0] : bundles.find((name) => name === result?.salvage);
  return artifact === undefined ? null : { fence, artifact };
}

/** A comment as people see it. */
export function commentView(doc: Document, { comments }: Job): Comment {
  const { n, at, by, text, feedback, trust } = asComment(doc);
  const state = n <= (comments?.done ?? 0) ? "done" : n <= (comments?.given ?? 0) ? "given" : "waiting";
  return { n, at, by, text, feedback, ...(trust === undefined ? {} : { trust }), state };
}

function said({ n, at, by, text, trust }: CommentRecord): FollowUp["comments"][number] {
  return { n, at, by, text, ...(trust === undefined ? {} : { trust }) };
}

/** A committed document as what it is: core wrote it. */
function asComment(doc: Document): CommentRecord {
  const stored: unknown = doc;
  return stored as CommentRecord;
}
