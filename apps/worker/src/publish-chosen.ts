/**
 * A lease of a job whose candidate was chosen: its commit goes to the job's own branch, and once that is safe the
 * branches of all candidates are removed. No agent runs, and nothing is checked out.
 */

import { checkBranchName, defaultBranchName } from "@hive/core";
import type { LeasedJob } from "@hive/protocol";
import { deleteBranches } from "./git/delete-branches.ts";
import { toAttemptError } from "./git/failure.ts";
import { publishCommit } from "./git/publish.ts";
import type { Remote } from "./git/remote.ts";
import { settle } from "./publish-job.ts";
import { AttemptFailure, fail, type RunningJob } from "./running-job.ts";
import type { WorkerParts } from "./worker-parts.ts";

/** What a lease is told of the chosen candidate. */
export type Chosen = NonNullable<LeasedJob["chosen"]>;

/** Pushes the chosen commit to the job's branch; gives the branch a pull request goes to. @throws AttemptFailure */
export async function publishChosen(
  worker: WorkerParts,
  running: RunningJob,
  remote: Remote,
  chosen: Chosen,
): Promise<string> {
  const { findings, lease, attempt } = running;
  const { job } = lease;
  const branch = checkBranchName(job.branch ?? defaultBranchName(job.jobId));
  if (!branch.ok) return fail("base_not_found", "work", branch.message);
  const { summary, verdict, agent, verify } = chosen;
  // What the candidate's own attempt found out; people read it with the job they asked for.
  findings.task = {
    error: null,
    summary,
    verdict,
    outputs: null,
    exitCode: null,
    agent,
    files: [],
    publishes: true,
    verify,
  };
  await running.say(`candidate ${chosen.n} (${chosen.jobId}) is published: ${chosen.why ?? "it was chosen"}`);
  const mirror = await worker.mirrorsFor(running.calls).prepare(remote, attempt.work);
  if (!mirror.ok) throw new AttemptFailure(toAttemptError(mirror));
  const base = job.base ?? mirror.refs.defaultBranch ?? branch.name;
  const from = chosen.start?.commit ?? mirror.refs.heads.get(base) ?? null;
  findings.baseCommit = from;
  if (chosen.commit === null) {
    findings.noChanges = true;
    await running.say("nothing was changed");
    return base;
  }
  if (from === null) return fail("base_not_found", "work", `the repository has no branch "${base}" any more`);
  const published = await publishCommit({
    git: worker.git,
    mirror,
    remote,
    credential: remote.credential,
    proxy: remote.proxy ?? null,
    secrets: running.secrets(),
    announced: job.announced,
    announce: running.calls.announce,
    branch,
    commit: chosen.commit,
    from,
    folder: running.folder,
    signal: attempt.work,
  });
  await settle(running, published);
  return base;
}

/** Removes what the candidates pushed. What cannot be removed is told, and costs nobody the work. */
export async function removeCandidates(
  worker: WorkerParts,
  running: RunningJob,
  remote: Remote,
  chosen: Chosen,
): Promise<void> {
  const { job } = running.lease;
  const own = checkBranchName(job.branch ?? defaultBranchName(job.jobId));
  const branches = chosen.branches.filter(({ ref }) => !own.ok || ref !== own.ref);
  const ends = await deleteBranches({ git: worker.git, remote, branches, signal: running.attempt.work });
  running.attempt.work.throwIfAborted();
  if ("ok" in ends) return running.say(`the candidates' branches stay: ${ends.message}`);
  for (const one of ends) {
    if (one.end === "deleted") await running.say(`removed ${one.ref}`);
    else if (one.end === "kept") await running.say(`${one.ref} stays: somebody else's ${one.commit} is on it`);
    else await running.say(`${one.ref} stays: ${one.message}`);
  }
}
