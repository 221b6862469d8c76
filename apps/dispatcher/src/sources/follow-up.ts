/**
 * Another round of a job's work, because a review asks for it or its checks are red. The comment it makes carries no
 * word from outside: the worker reads on GitHub what is to be done, as it does when a person asks for it by hand. So
 * many rounds a job has from one source, and then it waits for a person: no two machines keep each other busy.
 */

import { hash } from "node:crypto";
import {
  commentId,
  defaultBranchName,
  HiveError,
  type CommentRecord,
  type Document,
  type Job,
  type Trust,
} from "@hive/core";
import { placeOf } from "../credentials/job-credential.ts";
import { asJob } from "../http/job-view.ts";
import type { Queue } from "../queue/contract.ts";
import { everyDocument } from "../store/every-document.ts";
import type { FollowUp } from "./contract.ts";

const BRANCHES = "hive/";
/** Refusals that will be refused tomorrow too. */
const FINAL: ReadonlySet<string> = new Set(["not_found", "not_supported", "wrong_status", "too_many_comments"]);

export interface Asking {
  readonly queue: Pick<Queue, "documents" | "submit">;
  /** The source's id. */
  readonly source: string;
  readonly trust: Trust;
  /** Rounds of one job that this source may cause. */
  readonly rounds: number;
}

/** What came of it. */
export type Followed =
  | { readonly asked: true; readonly jobId: string; readonly n: number }
  /** For people: why no round is needed, or may be. */
  | { readonly asked: false; readonly why: string };

/**
 * Asks the job of this branch for another round. The same cause again, also after a crash, makes no second one.
 * One call at a time for each source: the rounds are counted before the comment is made.
 * @throws HiveError queue_full, not_ready, store_failed: then it is to be tried again
 */
export async function askAgain(asking: Asking, followUp: FollowUp): Promise<Followed> {
  const { queue, source, trust, rounds } = asking;
  const { branch, cause } = followUp;
  const job = await jobOf(queue, followUp);
  if (job === null) return left(`no job of this server has the branch ${branch}`);
  if (job.status === "canceled") return left(`job ${job.id} was canceled`);
  const by = `source:${source}`;
  const said: CommentRecord[] = [];
  for await (const { doc } of everyDocument(queue.documents, {
    ...{ collection: "comments", from: commentId(job.id, 1), below: `${job.id}0` },
  }))
    said.push(asComment(doc));
  // The agent reads all that is to be done when it begins: one that has not begun will read this too.
  if (said.some(({ n, feedback }) => feedback && n > (job.comments?.given ?? 0)))
    return left(`job ${job.id} is about to do it`);
  const text = `${cause[0]?.toUpperCase()}${cause.slice(1)}: see what the pull request says.`;
  const own = said.filter((one) => one.by === by);
  if (own.some((one) => one.text === text)) return left(`job ${job.id} was asked before`);
  if (own.length >= rounds) return left(`job ${job.id} had its ${rounds} rounds; a person may ask for more`);
  const key = hash("sha256", JSON.stringify(["follow-up", source, job.id, cause]), "base64url");
  try {
    const { n } = await queue.submit<"comment">({
      ...{ type: "comment", jobId: job.id, by, text, feedback: true, trust, secrets: {} },
      idempotency: { key, hash: key },
    });
    return { asked: true, jobId: job.id, n };
  } catch (error) {
    if (error instanceof HiveError && FINAL.has(error.code)) return left(error.message);
    throw error;
  }
}

/** The job that pushes to this branch of this repository; null: there is none, or none any more. */
async function jobOf({ documents }: Pick<Queue, "documents">, { branch, place }: FollowUp): Promise<Job | null> {
  const id = branch.startsWith(BRANCHES) ? branch.slice(BRANCHES.length) : "";
  if (id === "" || id.length > 200 || defaultBranchName(id) !== branch) return null;
  const [stored, body] = await documents.get([
    { collection: "jobs", id },
    { collection: "bodies", id },
  ]);
  if (stored == null || body == null) return null;
  const job = asJob(stored);
  const named = body["branch"];
  if (named !== null && named !== branch) return null;
  return placeOf(job.repo)?.path.toLowerCase() === place.toLowerCase() ? job : null;
}

function left(why: string): Followed {
  return { asked: false, why };
}

/** A committed document as what it is: core wrote it. */
function asComment(doc: Document): CommentRecord {
  const stored: unknown = doc;
  return stored as CommentRecord;
}
