/**
 * Somebody says something to an agent's job. A job that is over goes on at once: a new generation on the same branch is
 * for the comment. One that waits is given it with its next attempt. While an attempt runs it waits: the next attempt
 * gets it, whether the job tries again by itself or the attempt was the last, whose end then begins a new generation.
 * Work that waits for a person's approval goes back to the agent with the comment, and waits for approval again.
 *
 * Comments are numbered per job in the order they were accepted, and every lease says up to which number it was given
 * them (`Job.comments`). So each is in exactly one generation that succeeds, or in none yet: those of a generation that
 * failed are given to the next.
 */

import type { CommandOf, CommentReply, Docs, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { commentId, secretId } from "../document.ts";
import { HiveError } from "../errors.ts";
import { beginGeneration, generationNeeds, mustHaveRoom } from "../generation.ts";
import type { CommentCounts, CommentRecord, Job } from "../job.ts";
import { isTerminal } from "../job.ts";
import { rung } from "../ladder.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { amend, move } from "../transitions.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";

/** Comments of one job that may be undone at once: all of them go into one prompt. */
export const MOST_OPEN_COMMENTS = 50;

/** The stored answer to a request with an `Idempotency-Key`. */
interface Answer {
  readonly hash: string;
  readonly reply: CommentReply;
}

export function needs(state: State, command: CommandOf<"comment">, docs: Docs): Key[] {
  const { jobId, idempotency } = command;
  const answer = idempotency === null ? [] : [{ collection: "answers", id: idempotency.key }];
  return [...answer, ...findNeeds(state, jobId), ...generationNeeds(state, jobId, docs)];
}

/**
 * @throws HiveError not_found, queue_full, idempotency_conflict; not_supported for a job without an agent;
 * too_many_comments; wrong_status when the job is about to be canceled, or waited for a job that has not succeeded
 */
export function comment(step: Step, command: CommandOf<"comment">): Replies["comment"] {
  const answered = storedAnswer(step, command.idempotency);
  if (answered !== null) return answered;
  const { trust } = command;
  const found = find(step, command.jobId);
  const counts = found.comments ?? NO_COMMENTS;
  mustTakeComments(found, counts);
  const over = isTerminal(found.status);
  if (over) mustHaveRoom(step.state);
  const n = counts.count + 1;
  const said: Job = {
    ...found,
    comments: { ...counts, count: n, ...(trust === "untrusted" ? { outside: counts.outside ?? n } : {}) },
    secrets: [...new Set([...found.secrets, ...Object.keys(command.secrets)])],
  };
  const data = { n, by: command.by, message: shown(command.text), feedback: command.feedback };
  // First what can be refused: nothing may have changed then.
  const why = { by: command.by, comment: n };
  const job = over
    ? beginGeneration(step, said, { data: why, bundle: "drop" })
    : found.hold === "publish"
      ? sendBack(step, found, said, why)
      : amend(step, found, { comments: said.comments ?? NO_COMMENTS, secrets: said.secrets });
  step.event("job.commented", job, data);
  for (const [name, sealed] of Object.entries(command.secrets)) {
    step.put("secrets", secretId(job.id, name), { jobId: job.id, name, sealed });
  }
  const { jobId, by, text, feedback } = command;
  const record: CommentRecord = {
    jobId,
    n,
    at: step.now.wall,
    by,
    text,
    feedback,
    ...(trust === undefined ? {} : { trust }),
  };
  step.put("comments", commentId(jobId, n), record);
  const reply = { n, status: job.status, generation: job.status === "running" ? null : job.generation };
  if (command.idempotency !== null) {
    const { key, hash } = command.idempotency;
    step.put("answers", key, { key, hash, at: step.now.wall, reply });
  }
  return reply;
}

/** What waited to be approved is work in progress again. */
function sendBack(step: Step, held: Job, { comments, secrets, run }: Job, why: Readonly<Record<string, unknown>>): Job {
  const to = { ...rung({ ...held, hold: null }, step.now.wall), hold: null, secrets };
  const data = { released: "publish", ...why };
  return move(step, held, { ...to, comments: comments ?? NO_COMMENTS, run: run && { ...run, bundle: null } }, { data });
}

const NO_COMMENTS: CommentCounts = { count: 0, given: 0, done: 0 };

function mustTakeComments(job: Job, { count, done }: CommentCounts): void {
  const jobId = job.id;
  if (job.task !== "agent" && job.task !== "analyze") {
    const message = `job ${jobId} does the task ${job.task}; only jobs of an agent can be talked to`;
    throw new HiveError("not_supported", message, { jobId, task: job.task });
  }
  if (job.parent != null) {
    throw wrongStatus(
      job,
      `job ${jobId} is a candidate of ${job.parent}; comment on that one once its work is published`,
    );
  }
  if (job.candidates != null && !job.candidates.published) {
    throw wrongStatus(job, `no candidate of job ${jobId} is published yet; comment once one is`);
  }
  if (job.run?.cancel != null && job.status === "running") {
    throw wrongStatus(job, `job ${jobId} is being canceled; comment once it is`);
  }
  if (count - done < MOST_OPEN_COMMENTS) return;
  const message = `${count - done} comments of job ${jobId} are not done yet; say more once they are`;
  throw new HiveError("too_many_comments", message, { jobId, open: count - done });
}

/** What an event carries of a comment. */
function shown(text: string): string {
  return text.length <= 1_000 ? text : `${text.slice(0, 999)}…`;
}

function storedAnswer(step: Step, idempotency: CommandOf<"comment">["idempotency"]): CommentReply | null {
  if (idempotency === null) return null;
  const stored: unknown = step.doc({ collection: "answers", id: idempotency.key });
  if (stored === null) return null;
  const answer = stored as Answer;
  if (answer.hash === idempotency.hash) return answer.reply;
  throw new HiveError("idempotency_conflict", "this Idempotency-Key came with another request; use a new one", {
    key: idempotency.key,
  });
}
