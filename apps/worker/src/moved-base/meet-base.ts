/** The meeting of a running job's work with its base branch. */

import { killAgent } from "../clean-up.ts";
import type { Workspace } from "../git/checkout.ts";
import type { Remote } from "../git/remote.ts";
import { commitMessage } from "../job-title.ts";
import type { RunningJob } from "../running-job.ts";
import type { WorkerParts } from "../worker-parts.ts";
import { createMovedBase, type MovedBaseOfJob } from "./moved-base.ts";

/** For the working copy of this attempt. */
export function movedBaseOf(
  worker: WorkerParts,
  running: RunningJob,
  { workspace, remote }: { readonly workspace: Workspace; readonly remote: Remote },
): MovedBaseOfJob {
  const { job } = running.lease;
  return createMovedBase({
    git: worker.git,
    mirrors: worker.mirrorsFor(running.calls),
    remote,
    workspace,
    announced: job.announced,
    message: running.redact(commitMessage(job)),
    killAgent: () => killAgent(worker.slot),
    say: (line) => running.say(line),
    signal: running.attempt.work,
  });
}

/** Meets the base for work that no agent can be asked about, if nobody has yet; then notes how the work stands to it. */
export async function meetBase(running: RunningJob, movedBase: MovedBaseOfJob): Promise<void> {
  if ((await movedBase.meet()).end === "conflict") await movedBase.settle();
  running.findings.baseCommit = movedBase.workspace().baseCommit;
  running.findings.conflict = movedBase.conflict();
}
