/** Fetches, where somebody asked for it, what was said about the job's pull request, with the job's own credential. */

import type { Workspace } from "./git/checkout.ts";
import type { Remote } from "./git/remote.ts";
import { readFeedback } from "./github/feedback.ts";
import { feedbackPrompt } from "./github/feedback-prompt.ts";
import type { GitHubFailed } from "./github/github.ts";
import { findPullRequest } from "./github/pull-request.ts";
import { gitHubOf, patiently } from "./offer-pull-request.ts";
import type { LeaseSecrets } from "./report/lease-calls.ts";
import { fail, type RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/**
 * The section of the prompt; null: nobody asked. An agent that was asked to answer feedback and knows none would only
 * cost money, so what cannot be read ends the attempt.
 * @throws AttemptFailure
 */
export async function fetchFeedback(
  worker: WorkerParts,
  running: RunningJob,
  remote: Remote,
  secrets: LeaseSecrets,
  workspace: Workspace,
): Promise<string | null> {
  if (running.lease.job.followUp?.feedback !== true) return null;
  const target = gitHubOf(running, remote, secrets);
  if (target === null)
    return fail("feedback_unavailable", "work", "the repository is on no GitHub: it has no feedback");
  const { branch: head, base, baseCommit: commit } = workspace;
  const signal = running.attempt.work;
  const found = await patiently(worker, running, () => findPullRequest({ target, head, base, signal }));
  if (!found.ok) return cannot(running, found);
  const { number } = found;
  if (number === null)
    return fail("feedback_unavailable", "work", `${head} has no open pull request: it has no feedback`);
  const feedback = await patiently(worker, running, () => readFeedback({ target, number, commit, signal }));
  if (!feedback.ok) return cannot(running, feedback);
  const { said, failed, unread } = feedback;
  await running.say(`feedback of pull request ${number}: ${said.length} comments, ${failed.length} failed checks`);
  for (const line of unread) await running.say(line);
  return running.redact(feedbackPrompt(feedback));
}

/** With a code of its own: those of a pull request that could not be opened say that the work itself is done. */
function cannot(running: RunningJob, failed: GitHubFailed): never {
  running.attempt.work.throwIfAborted();
  return fail("feedback_unavailable", failed.kind, failed.message);
}
