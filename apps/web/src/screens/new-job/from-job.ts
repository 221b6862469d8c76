/** A form like a job that there was. */
import type { JobDetail } from "@hive/protocol";
import { type Body, type Draft, draftOf } from "./draft.ts";

/** The form, and in words what the server does not tell of the job. */
export function draftFromJob(job: JobDetail): { readonly draft: Draft; readonly missing: readonly string[] } {
  const { limit } = job.budget ?? { limit: null };
  const body: Body = {
    repo: job.repo,
    branch: job.branch,
    base: job.base,
    task: job.task,
    instructions: job.instructions,
    script: job.script,
    role: job.role,
    labels: job.labels.length === 0 ? null : job.labels,
    priority: unless(5, job.priority),
    maxAttempts: unless(3, job.maxAttempts),
    retryOn: unless("system", job.retryOn),
    timeoutMs: unless(3_600_000, job.timeoutMs),
    concurrencyKey: isOwnKey(job) ? job.concurrencyKey : null,
    dependsOn: job.dependsOn.length === 0 ? null : job.dependsOn,
    agent: job.agent,
    model: job.model,
    callbackUrl: job.callbackUrl,
    metadata: job.metadata,
    egress: job.egress,
    budget: limit,
    ...(job.candidates === null ? {} : { candidates: job.candidates.count, choose: job.candidates.choose }),
  };
  return {
    draft: draftOf(body).draft,
    missing: [
      ...(job.changes === null ? [] : ["what its changed files hold"]),
      ...(job.inputs.length === 0 ? [] : ["the text of its files to read"]),
      ...(job.candidates === null ? [] : ["the agents of its candidates"]),
      "its git token, if it had one",
    ],
  };
}

function unless<T>(usual: T, value: T): T | null {
  return value === usual ? null : value;
}

/** Whether the job named its key: by itself the server takes repository and branch. */
function isOwnKey({ concurrencyKey, repo, branch }: JobDetail): boolean {
  if (concurrencyKey === null) return false;
  const place = repo.replace(/^[a-z+]+:\/\//i, "").replace(/\.git$/, "");
  const [plain = "", ofBranch] = concurrencyKey.toLowerCase().split("#");
  return !(
    place.toLowerCase() === plain.replace(/^[a-z+]+:\/\//, "") &&
    (ofBranch === undefined || ofBranch === branch?.toLowerCase())
  );
}
