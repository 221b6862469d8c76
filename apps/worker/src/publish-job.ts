/**
 * The last step of a job that changed something: to the remote, to a person's desk for approval, or, when neither can
 * be, to a place where it is not lost.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkBranchName, defaultBranchName } from "@hive/core";
import type { LeasedJob } from "@hive/protocol";
import { killAgent } from "./clean-up.ts";
import type { Change } from "./git/change.ts";
import { toAttemptError } from "./git/failure.ts";
import {
  bundleWork,
  type NotPublished,
  prepareWork,
  publishBundle,
  type Published,
  type PublishOptions,
  pushWork,
  salvage,
} from "./git/publish.ts";
import { listRemote, type Remote } from "./git/remote.ts";
import { commitMessage } from "./job-title.ts";
import type { Prepared } from "./prepare-job.ts";
import { AttemptFailure, fail, type RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/** Under these names people find what a job made. */
const PATCH = "diff.patch";
const BUNDLE = "work.bundle";
const SALVAGE_MS = 45_000;

/**
 * Pushes the work, or keeps it as a bundle when a person must approve it first: then the bundle is returned.
 * @throws AttemptFailure
 */
export async function publishWork(
  worker: WorkerParts,
  running: RunningJob,
  prepared: Prepared,
  needsApproval: boolean,
): Promise<{ sha256: string; artifact: string } | null> {
  const options = publishOptions(worker, running, prepared, running.attempt.work);
  const ready = await prepareWork(options);
  if (ready.end !== "ready") {
    await settle(running, ready);
    return null;
  }
  await noteChange(running, ready.change);
  if (!needsApproval) {
    await settle(running, await pushWork(options, ready));
    return null;
  }
  const file = join(running.folder, BUNDLE);
  const bundle = await bundleWork(options, ready, file);
  if (!bundle.ok) throw new AttemptFailure(toAttemptError(bundle));
  const kept = await running.keep(BUNDLE, await readFile(file));
  if (kept === null) return fail("work_too_large", "work", "the work is too large to be kept for approval");
  running.findings.artifacts.push(kept);
  await running.say(`waits for approval: ${bundle.sha256}`);
  return { sha256: bundle.sha256, artifact: BUNDLE };
}

/** Pushes the bundle a person approved; gives the branch a pull request goes to. @throws AttemptFailure */
export async function publishApproved(worker: WorkerParts, running: RunningJob, remote: Remote): Promise<string> {
  const { job } = running.lease;
  const { bundle } = job;
  if (bundle === null) return fail("bundle_missing", "system", "the lease to publish names no bundle");
  const branch = checkBranchName(job.branch ?? defaultBranchName(job.jobId));
  if (!branch.ok) return fail("base_not_found", "work", branch.message);
  const signal = running.attempt.work;
  const refs = await listRemote(worker.git, remote, signal);
  if (!refs.ok) throw new AttemptFailure(toAttemptError(refs));
  const file = join(running.folder, BUNDLE);
  await running.calls.getArtifact(bundle.fence, bundle.artifact, file);
  const published = await publishBundle({
    git: worker.git,
    mirrors: worker.mirrorsFor(running.calls),
    remote,
    credential: remote.credential,
    proxy: remote.proxy ?? null,
    secrets: running.secrets(),
    announced: job.announced,
    announce: running.calls.announce,
    branch,
    bundle: { file, sha256: bundle.sha256 },
    folder: running.folder,
    signal,
  });
  await settle(running, published);
  return job.base ?? refs.defaultBranch ?? branch.name;
}

/**
 * Keeps what an attempt made and will not publish, before its folder goes: on a salvage branch when only the push was
 * the problem, else in a file. Never throws: the attempt's end is told either way.
 */
export async function keepUnpublished(
  worker: WorkerParts,
  running: RunningJob,
  prepared: Prepared,
  cause: unknown,
): Promise<void> {
  const { attempt, findings, lease } = running;
  const why = attempt.stopped()?.why;
  // A job that goes to another worker is done again from its start; without the lease nothing may be written.
  if (attempt.right.aborted || why === "leaving" || findings.commit !== null || !makesCommits(lease.job)) return;
  const code = cause instanceof AttemptFailure ? cause.failure.code : null;
  const onlyPushFailed = code === "branch_moved" || code === "push_rejected";
  const toBranch = why === undefined && onlyPushFailed && !lease.job.approvePublish;
  try {
    const signal = AbortSignal.any([attempt.right, AbortSignal.timeout(SALVAGE_MS)]);
    const kept = await salvage({
      ...publishOptions(worker, running, prepared, signal),
      jobId: attempt.jobId,
      fence: attempt.fence,
      file: join(running.folder, "salvage"),
      toBranch,
    });
    if (kept.end === "branch") findings.salvage = kept.branch;
    if (kept.end === "bundle" || kept.end === "patch") {
      const artifact = await running.keep(`salvage.${kept.end}`, await readFile(kept.file));
      if (artifact === null) return;
      findings.artifacts.push(artifact);
      findings.salvage = artifact.name;
    }
    if (findings.salvage !== null) await running.say(`the unpublished work is kept: ${findings.salvage}`);
  } catch (error) {
    worker.log.warn({ err: error, jobId: attempt.jobId }, "the unpublished work could not be kept");
  }
}

/** Whether a job's work is commits for a branch. */
export function makesCommits(job: LeasedJob): boolean {
  return job.task === "agent" || job.task === "script" || job.task === "changes";
}

function publishOptions(
  worker: WorkerParts,
  running: RunningJob,
  prepared: Prepared,
  signal: AbortSignal,
): PublishOptions {
  const { job } = running.lease;
  const work = prepared.movedBase?.work() ?? null;
  return {
    git: worker.git,
    workspace: prepared.movedBase?.workspace() ?? prepared.workspace,
    ...(work === null ? {} : { work }),
    credential: prepared.remote.credential,
    proxy: prepared.remote.proxy ?? null,
    secrets: running.secrets(),
    announced: job.announced,
    announce: running.calls.announce,
    message: running.redact(commitMessage(job)),
    killAgent: () => killAgent(worker.slot),
    signal,
  };
}

/** Notes how publishing ended. @throws AttemptFailure */
export async function settle(running: RunningJob, end: Published | NotPublished): Promise<void> {
  const { findings, attempt } = running;
  switch (end.end) {
    case "published":
      await noteChange(running, end.change);
      findings.branch = end.branch;
      findings.commit = end.commit;
      await running.say(`pushed ${end.commit} to ${end.branch}`);
      return;
    case "no_changes":
      findings.noChanges = true;
      await running.say("nothing was changed");
      return;
    case "stopped":
      attempt.work.throwIfAborted();
      return fail("publish_stopped", "system", "publishing was stopped");
    case "failed":
      if (end.change !== null) await noteChange(running, end.change);
      throw new AttemptFailure(end.error);
  }
}

/** What was changed, for the result, and the patch for people; once. */
async function noteChange(running: RunningJob, change: Change): Promise<void> {
  const { findings } = running;
  if (findings.diffStat !== null) return;
  findings.diffStat = change.diffStat;
  findings.patchId = change.patchId;
  for (const warning of change.warnings) await running.say(warning);
  const kept = await running.keep(PATCH, Buffer.from(running.redact(change.patch)));
  if (kept !== null) findings.artifacts.push(kept);
}
