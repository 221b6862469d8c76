/**
 * Accepts jobs, all of a batch or none. The same id with the same body is the same job, whatever became of it since. A
 * job that depends on one that already failed or was canceled is accepted and canceled at once (`dependency_failed`),
 * just as it would have been a moment later: the caller learns it from the reply, the events and the callback alike.
 */

import { acceptJobs, acceptNeeds } from "../accept-jobs.ts";
import type { CommandOf, Docs, EnqueueReply, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

/** The stored answer to a request with an `Idempotency-Key`. */
interface Answer {
  readonly hash: string;
  readonly reply: EnqueueReply;
}

export function needs(state: State, command: CommandOf<"enqueue">, docs: Docs): Key[] {
  const keys = acceptNeeds(state, command.jobs, docs);
  if (command.idempotency !== null) keys.push({ collection: "answers", id: command.idempotency.key });
  return keys;
}

/**
 * @throws HiveError id_conflict, idempotency_conflict, unknown_dependency, dependency_cycle, queue_full
 */
export function enqueue(step: Step, command: CommandOf<"enqueue">): Replies["enqueue"] {
  const answered = storedAnswer(step, command.idempotency);
  if (answered !== null) return answered;
  const reply: EnqueueReply = { jobs: acceptJobs(step, command.jobs) };
  if (command.idempotency !== null) {
    const { key, hash } = command.idempotency;
    step.put("answers", key, { key, hash, at: step.now.wall, reply });
  }
  return reply;
}

function storedAnswer(step: Step, idempotency: CommandOf<"enqueue">["idempotency"]): EnqueueReply | null {
  if (idempotency === null) return null;
  const stored: unknown = step.doc({ collection: "answers", id: idempotency.key });
  if (stored === null) return null;
  const answer = stored as Answer;
  if (answer.hash === idempotency.hash) return answer.reply;
  throw new HiveError("idempotency_conflict", "this Idempotency-Key came with another request; use a new one", {
    key: idempotency.key,
  });
}
