/** The first step of a job: whose repository it is, a mirror its credential may read, and a working copy of its own. */

import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CANDIDATES_MAX, candidateId, defaultBranchName, parseRepoAddress } from "@hive/core";
import type { LeasedJob } from "@hive/protocol";
import { type CandidatePlan, checkout, type Workspace } from "./git/checkout.ts";
import { toAttemptError } from "./git/failure.ts";
import { putBackWork } from "./git/put-back.ts";
import type { Remote } from "./git/remote.ts";
import { fetchFeedback } from "./fetch-feedback.ts";
import { writeInputs } from "./input-files.ts";
import { movedBaseOf } from "./moved-base/meet-base.ts";
import type { MovedBaseOfJob } from "./moved-base/moved-base.ts";
import { makesCommits } from "./publish-job.ts";
import type { LeaseSecrets } from "./report/lease-calls.ts";
import { AttemptFailure, fail, type RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/** A job ready to be worked on. */
export interface Prepared {
  readonly secrets: LeaseSecrets;
  readonly remote: Remote;
  readonly workspace: Workspace;
  /** Null: the job makes no commits, or must stay where it began. */
  readonly movedBase: MovedBaseOfJob | null;
  /** See `TaskRequest.feedback`. */
  readonly feedback: string | null;
  /** The agent's folder for what is not committed. */
  readonly output: string;
  /** See `TaskRequest.inputs`. */
  readonly inputs: string | null;
  /** The attempt before this one pushed and could not open the pull request: only that is left to do. */
  readonly onlyPullRequest: boolean;
  /** See `TaskRequest.putBack`. */
  readonly putBack: boolean;
}

/** Ends of an attempt that had pushed and only lacked its pull request. */
const PULL_REQUEST_FAILURES: ReadonlySet<string> = new Set(["pr_refused", "github_failed", "github_rate_limit"]);

/** The job's repository and login. @throws AttemptFailure */
export function remoteOf(worker: WorkerParts, running: RunningJob, secrets: LeaseSecrets): Remote {
  const address = parseRepoAddress(running.lease.job.repo, {
    allowFile: worker.allowFileRepos,
    // The dispatcher took this address only from a network its operator named; it is the one that knows those.
    allowPlainHttp: () => true,
  });
  if (!address.ok) return fail("repo_not_found", "work", address.message);
  return { address, credential: secrets.git, proxy: worker.way.proxyFor(running.lease.token) };
}

/** @throws AttemptFailure */
export async function prepare(worker: WorkerParts, running: RunningJob, secrets: LeaseSecrets): Promise<Prepared> {
  const { job } = running.lease;
  const remote = remoteOf(worker, running, secrets);
  const { user } = worker.slot;
  const folder = join(running.folder, "work");
  const output = join(running.folder, "output");
  await mkdir(folder, { mode: 0o711 });
  await mkdir(output, { mode: 0o700 });
  if (user !== undefined) await chown(output, user.uid, user.gid);
  const inputs = await writeInputs(running.folder, job.inputs, user);
  const workspace = await checkout({
    git: worker.git,
    mirrors: worker.mirrorsFor(running.calls),
    remote,
    jobId: job.jobId,
    branch: job.branch,
    base: job.base,
    folder,
    signal: running.attempt.work,
    ...(job.candidate === null ? {} : { candidate: planOf(running, job.candidate) }),
    ...(user === undefined ? {} : { agent: user }),
    ...(job.gitUser === null ? {} : { author: job.gitUser }),
  });
  running.attempt.work.throwIfAborted();
  if (!workspace.ok) throw new AttemptFailure(toAttemptError(workspace));
  running.findings.baseCommit = workspace.baseCommit;
  await running.say(
    `${workspace.continued ? "going on from" : "starting at"} ${workspace.baseCommit} for ${workspace.branch}`,
  );
  const own = job.announced.some((one) => one.ref === workspace.ref && one.commit === workspace.expectedOld);
  const onlyPullRequest = own && PULL_REQUEST_FAILURES.has(job.previous?.code ?? "");
  if (onlyPullRequest) {
    running.findings.branch = workspace.branch;
    running.findings.commit = workspace.expectedOld;
  }
  // Candidates are compared: all stay on the commit they began at.
  const meetsBase = makesCommits(job) && job.candidate === null;
  const movedBase = meetsBase ? movedBaseOf(worker, running, { workspace, remote }) : null;
  const feedback = await fetchFeedback(worker, running, remote, secrets, workspace);
  const putBack = await putBackUnpublished(worker, running, workspace);
  return { secrets, remote, workspace, movedBase, feedback, output, inputs, onlyPullRequest, putBack };
}

/**
 * Puts unpublished work of the attempt before into the working copy of a job that goes on: with what a person said, or
 * with its agent's session. A job that is only done again starts from what is pushed. True: it is there.
 */
async function putBackUnpublished(
  worker: WorkerParts,
  running: RunningJob,
  { repo }: Pick<Workspace, "repo">,
): Promise<boolean> {
  const { report, followUp, session } = running.lease.job;
  const kept = report?.unpublished ?? null;
  if (kept === null || (followUp === null && session === null)) return false;
  const bundle = join(running.folder, "unpublished.bundle");
  let why: string | null;
  try {
    await running.calls.getArtifact(kept.fence, kept.artifact, bundle);
    why = await putBackWork({ bundle, repo, slot: worker.slot, signal: running.attempt.work });
  } catch (error) {
    running.attempt.work.throwIfAborted();
    why = error instanceof Error ? error.message : String(error);
  }
  await running.say(
    why === null
      ? "the unpublished work of the attempt before is put back"
      : `the unpublished work of the attempt before cannot be put back: ${why}`,
  );
  return why === null;
}

/** Where a candidate starts, and whose work it is not to see: those of its kind do the same at the same time. */
function planOf({ calls }: RunningJob, candidate: NonNullable<LeasedJob["candidate"]>): CandidatePlan {
  const { parent, n, branch } = candidate;
  const numbers = Array.from({ length: CANDIDATES_MAX }, (_, place) => place + 1).filter((one) => one !== n);
  const others = new Set(numbers.map((one) => defaultBranchName(candidateId(parent, one))));
  return { branch, others, agree: calls.agreeStart };
}
