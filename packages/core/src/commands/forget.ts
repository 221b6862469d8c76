/**
 * Takes jobs that are over out of the store: the record, the body, what was used, what was refused, and the accounts of
 * its generations, together with its candidates. From then on they are known by what `remembered-ids.ts` keeps. Events,
 * callbacks, attempts, comments and logs may be many: `prune` removes them afterwards, and the remembered id says so
 * until it did.
 *
 * A job stays while anything needs it: while it lives or went on since it was looked at, while others wait for it, while
 * somebody is still to be told of it, and while it is the newest of all, whose number the next one follows.
 */

import { jobAccountId } from "../accounts.ts";
import { candidateIds } from "../candidates.ts";
import type { CallbackRecord, CommandOf, Docs, Forgettable, Replies } from "../command.ts";
import { docKey } from "../command.ts";
import type { Document, Key } from "../document.ts";
import { secretId } from "../document.ts";
import type { Job, JobBody } from "../job.ts";
import { isTerminal } from "../job.ts";
import type { RememberedId } from "../remembered-ids.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import { callbackKey } from "./delivered.ts";

/** The jobs first; once they were read, their candidates or the job they are candidates of. */
export function needs(state: State, { jobs }: CommandOf<"forget">, docs: Docs): Key[] {
  return jobs
    .filter(({ jobId }) => !state.jobs.has(jobId))
    .flatMap(({ jobId, callbacks }) => {
      const found = asJob(docs.get(docKey(jobKey(jobId))) ?? null);
      const parent = found?.parent ?? null;
      return [
        ...recordsOf(jobId),
        ...(parent === null ? [] : [jobKey(parent)]),
        ...(found === null ? [] : candidateIds(found).flatMap(recordsOf)),
        ...callbacks.map(callbackKey),
      ];
    });
}

/** Jobs that must stay are left out of the reply; asking again later is right. */
export function forget(step: Step, { jobs }: CommandOf<"forget">): Replies["forget"] {
  const forgotten: string[] = [];
  for (const one of jobs) {
    const family = familyOf(step, one);
    if (family.length === 0 || forgotten.includes(one.jobId)) continue;
    if (!family.every((job) => mayGo(step.state, job))) continue;
    if (one.callbacks.some((n) => isOwed(step, n))) continue;
    for (const job of family) {
      remove(step, job);
      forgotten.push(job.id);
    }
  }
  return { forgotten };
}

/** The job with its candidates, or nothing where it must stay whatever they do. */
function familyOf(step: Step, { jobId, endedAt }: Forgettable): readonly Job[] {
  const job = step.state.jobs.get(jobId) ?? asJob(step.doc(jobKey(jobId)));
  if (job === null || job.endedAt !== endedAt) return [];
  const parent = job.parent ?? null;
  if (parent !== null && (step.state.jobs.has(parent) || step.doc(jobKey(parent)) !== null)) return [];
  const candidates = candidateIds(job).map((id) => step.state.jobs.get(id) ?? asJob(step.doc(jobKey(id))));
  return [job, ...candidates.filter((one) => one !== null)];
}

function mayGo(state: State, job: Job): boolean {
  if (!isTerminal(job.status) || state.jobs.has(job.id)) return false;
  return !state.dependents.has(job.id) && !state.unsettled.has(job.id) && job.seq !== state.nextSeq - 1;
}

function isOwed(step: Step, n: number): boolean {
  const stored: unknown = step.doc(callbackKey(n));
  return stored !== null && (stored as CallbackRecord).state === "pending";
}

function remove(step: Step, job: Job): void {
  const { id, status, reason, endedAt } = job;
  if (!isTerminal(status)) throw new Error(`${id} is ${status} and cannot be forgotten`);
  const body: unknown = step.doc({ collection: "bodies", id });
  const { bodyHash, secrets } = (body as JobBody | null) ?? { bodyHash: "", secrets: [] };
  const record: RememberedId = {
    id,
    bodyHash,
    status,
    reason,
    endedAt: endedAt ?? step.now.wall,
    forgottenAt: step.now.wall,
    state: "clearing",
  };
  step.put("ids", id, record);
  for (const collection of ["jobs", "bodies", "usage", "egress"]) step.put(collection, id, null);
  for (const name of new Set([...secrets, ...job.secrets])) step.put("secrets", secretId(id, name), null);
  for (let generation = 1; generation <= job.generation; generation += 1)
    step.put("accounts", jobAccountId({ id, generation }), null);
}

function jobKey(id: string): Key {
  return { collection: "jobs", id };
}

function recordsOf(id: string): readonly Key[] {
  return [jobKey(id), { collection: "bodies", id }];
}

function asJob(doc: Document | null): Job | null {
  const stored: unknown = doc;
  return stored as Job | null;
}
