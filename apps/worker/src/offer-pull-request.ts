/**
 * The pull request of a job whose branch is pushed: opened if there is none, brought up to date if there is. That it
 * exists is part of the job's success; its text, labels and reviewers are not: the work is at the remote, and what
 * GitHub refuses of those is told and fails nothing.
 */

import type { LeasedJob, LeaseFacts } from "@hive/protocol";
import { findOnGitHub, gitHostOf, type GitHubFailed, type GitHubTarget, toGitHubError } from "./github/github.ts";
import { openPullRequest, type PullRequestOptions, updatePullRequest } from "./github/pull-request.ts";
import { addExtras } from "./github/pull-request-extras.ts";
import type { WorkDescription } from "./github/pull-request-text.ts";
import type { Remote } from "./git/remote.ts";
import { askedFor } from "./job-title.ts";
import { backOff, pause } from "./loops/clock.ts";
import type { LeaseSecrets } from "./report/lease-calls.ts";
import { AttemptFailure, fail, type RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

const TRIES = 3;
const MOST_WAIT_MS = 60_000;

/** Where a job's pull request is, or would be; null when its repository is on no GitHub. @throws AttemptFailure token_needed */
export function gitHubOf(running: RunningJob, remote: Remote, secrets: LeaseSecrets): GitHubTarget | null {
  const apiUrl = secrets.githubApiUrl;
  const place = apiUrl === null ? null : findOnGitHub(remote.address, apiUrl);
  if (apiUrl === null || place === null) return null;
  if (secrets.git === null) return fail("token_needed", "work", "a pull request needs a token; give a githubToken");
  return { apiUrl, token: secrets.git.password, ...place, fetch: running.fetch };
}

/** On a GitHub, a published branch needs its pull request, unless the job shall have none. @throws AttemptFailure */
export async function ensurePullRequest(
  worker: WorkerParts,
  running: RunningJob,
  remote: Remote,
  secrets: LeaseSecrets,
  base: string,
): Promise<void> {
  const { findings, attempt } = running;
  const { pullRequest: settings, generation } = running.lease.job;
  if (settings === null || findings.branch === null || findings.branch === base) return;
  const target = gitHubOf(running, remote, secrets);
  if (target === null) return;
  const work = describe(running, await factsOf(running), settings.cost, target);
  const options: PullRequestOptions = {
    target,
    head: findings.branch,
    base,
    work,
    // What is red is not ready for anybody.
    draft: settings.draft || work.tests?.state === "failed",
    signal: attempt.right,
  };
  const opened = await patiently(worker, running, () => openPullRequest(options));
  if (!opened.ok) throw new AttemptFailure(toGitHubError(opened));
  findings.pullRequest = { number: opened.number, url: opened.url };
  await running.say(`pull request ${opened.url}`);
  if (!opened.created) await updateText(worker, running, options);
  // In a later round people have had their say about labels and reviewers; in the first one an attempt may have got lost
  // between opening and this.
  if (!opened.created && generation > 1) return;
  const refused = await addExtras({
    target,
    number: opened.number,
    labels: missing(settings.labels, opened.labels),
    reviewers: missing(settings.reviewers, opened.asked),
    signal: attempt.right,
  });
  for (const line of refused) await running.say(`the pull request has ${line}`);
}

async function updateText(worker: WorkerParts, running: RunningJob, options: PullRequestOptions): Promise<void> {
  const updated = await patiently(worker, running, () => updatePullRequest(options));
  if (!updated.ok) return running.say(`the pull request keeps its old text: ${updated.message}`);
  if (updated.end === "theirs") await running.say("the pull request's text was changed by somebody and stays theirs");
}

/** What only the server knows is not worth an attempt: the text goes without. */
async function factsOf(running: RunningJob): Promise<LeaseFacts> {
  try {
    return await running.calls.facts();
  } catch (error) {
    running.attempt.right.throwIfAborted();
    await running.say(`the pull request does not say what the server knows: ${String(error)}`);
    return { usage: null, blocked: [] };
  }
}

/** A moment's trouble at GitHub should not cost a whole new attempt: the work is pushed already. */
export async function patiently<T extends { readonly ok: true }>(
  worker: WorkerParts,
  running: RunningJob,
  ask: () => Promise<T | GitHubFailed>,
): Promise<T | GitHubFailed> {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask();
    if (answer.ok || answer.kind === "work" || tries === TRIES) return answer;
    await running.say(`${answer.message}; trying again`);
    const waitMs = Math.min(answer.retryAfterMs ?? backOff(worker.clock, tries, 1_000), MOST_WAIT_MS);
    await pause(worker.clock, waitMs, running.attempt.work);
    running.attempt.work.throwIfAborted();
  }
}

/** Nothing goes to GitHub that holds a secret of the job. */
function describe(running: RunningJob, facts: LeaseFacts, withCost: boolean, target: GitHubTarget): WorkDescription {
  const { findings, lease } = running;
  const { job } = lease;
  const { task } = findings;
  // A lease that only publishes, or only opens the pull request, tells what the attempt before it did.
  const did = task ?? job.report;
  const summary = did?.summary ?? null;
  const tests = did?.verify ?? null;
  const clean = (text: string | null): string | null => (text === null ? null : running.redact(text));
  return {
    jobId: job.jobId,
    jobUrl: job.url,
    generation: job.generation,
    asked: running.redact(askedFor(job)),
    summary: clean(summary),
    summaryTitles: job.task === "agent",
    diffStat: findings.diffStat ?? job.report?.diffStat ?? null,
    tests: tests === null ? null : { ...tests, report: clean(tests.report) },
    conflict: findings.conflict,
    closes: closedBy(job, target),
    blocked: facts.blocked,
    usage: withCost ? facts.usage : null,
  };
}

/** How a pull request of this repository names the job's issue; null where it can close none. */
function closedBy({ issue }: LeasedJob, { apiUrl, owner, repo }: GitHubTarget): string | null {
  const [host, ...name] = issue?.place.split("/") ?? [];
  if (issue == null || host?.toLowerCase() !== gitHostOf(apiUrl).toLowerCase()) return null;
  const isHere = name.join("/").toLowerCase() === `${owner}/${repo}`.toLowerCase();
  return `${isHere ? "" : name.join("/")}#${issue.number}`;
}

/** GitHub does not look at letter case. */
function missing(wanted: readonly string[], there: readonly string[]): string[] {
  const known = new Set(there.map((name) => name.toLowerCase()));
  return wanted.filter((name) => !known.has(name.toLowerCase()));
}
