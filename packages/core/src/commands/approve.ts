/**
 * A person lets a held job go on. What waits to be published goes on only if the approval names exactly the bundle that
 * waits; a job held for a setting goes on only with that setting.
 */

import { candidateIds } from "../candidates.ts";
import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { HeldReason, Job } from "../job.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { find, findNeeds, wrongStatus } from "./find.ts";
import { release } from "./release.ts";

export function needs(state: State, command: CommandOf<"approve">): Key[] {
  return findNeeds(state, command.jobId);
}

/**
 * @throws HiveError not_found, approval_mismatch; wrong_status when the job is not held, or held for a setting
 */
export function approve(step: Step, command: CommandOf<"approve">): Replies["approve"] {
  const job = find(step, command.jobId);
  const { hold } = job;
  if (job.status !== "held" || hold === null)
    throw wrongStatus(job, `job ${job.id} is ${job.status}; nothing waits for approval`);
  if (hold === "choice") {
    throw wrongStatus(job, `job ${job.id} waits for a choice; POST /v1/jobs/${job.id}/choose names the candidate`);
  }
  const setting = SETTINGS[hold];
  if (setting !== undefined) throw wrongStatus(job, `job ${job.id} is held: ${hold}; ${setting} and restart Hive`);
  if (hold === "publish") mustMatch(job, command.sha256);
  step.event("job.approved", job, { by: command.by, hold, sha256: hold === "publish" ? command.sha256 : null });
  const { status } = release(step, job, hold, command.by);
  if (hold === "approval") approveCandidates(step, job, command.by);
  return { status };
}

/** What may be started may be started several times: its candidates need no approval of their own. */
function approveCandidates(step: Step, parent: Job, by: string): void {
  for (const id of candidateIds(parent)) {
    const candidate = step.state.jobs.get(id);
    if (candidate?.hold !== "approval") continue;
    step.event("job.approved", candidate, { by, hold: "approval", sha256: null });
    release(step, candidate, "approval", by);
  }
}

/** What to set for the holds that no approval lifts. */
const SETTINGS: Partial<Record<HeldReason, string>> = {
  no_isolation: "use a container engine or set HIVE_ALLOW_UNISOLATED=1",
  no_agent: "set HIVE_AGENT or the key of an agent's provider",
};

function mustMatch(job: Job, sha256: string | null): void {
  const waiting = job.run?.bundle?.sha256 ?? null;
  if (waiting !== null && waiting === sha256) return;
  throw new HiveError("approval_mismatch", `job ${job.id} waits with the bundle ${waiting}; approve that one`, {
    jobId: job.id,
    waiting,
    approved: sha256,
  });
}
