/**
 * Groups become jobs: the operator's template is filled in by the intake process, the job is compiled like any other,
 * and the core makes it or holds the group. What is wrong with the settings holds the group with the reason.
 */

import { HiveError, type Group, type NewJob, SEVERITIES, tallyKey } from "@hive/core";
import { newJobSchema } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import { signalFile } from "../intake/instructions.ts";
import { IntakeError, type KeptIntake } from "../intake/intake-process.ts";
import type { Subject } from "../intake/messages.ts";
import { compileJob, type JobPolicy } from "../queue/compile-job.ts";
import type { Queue } from "../queue/contract.ts";
import { asGroup } from "./keep-found.ts";
import { nextInLine } from "./next-in-line.ts";
import type { Source } from "./source-settings.ts";

/** Groups made jobs of in one look; others have their turn then. */
const AT_ONCE = 50;
/** Characters of the fingerprint that are in a job's id. */
const SHORT = 12;

export interface OpenGroupsOptions {
  readonly queue: Pick<Queue, "submit" | "read" | "documents">;
  readonly clock: Pick<Clock, "wall">;
  readonly policy: JobPolicy;
  /** True when the day's budget of the source is used up. */
  readonly overBudget: (source: Source, now: number) => Promise<boolean>;
}

export interface GroupOpener {
  /** Settles jobs that are over, wakes what is to be decided again, makes jobs of what is due. Gives when to look again. */
  look(source: Source, intake: KeptIntake): Promise<number | null>;
  /** The job a group would become. @throws HiveError invalid_field with the reason why there is none */
  jobOf(source: Source, group: Group, intake: KeptIntake): Promise<NewJob>;
}

export function createGroupOpener({ queue, clock, policy, overBudget }: OpenGroupsOptions): GroupOpener {
  /** Jobs of this source that are over give their places back. */
  async function settle(source: Source): Promise<void> {
    const [tally] = await queue.documents.get([tallyKey(source.id)]);
    const open = Object.entries((tally?.["open"] ?? {}) as Readonly<Record<string, string>>);
    if (open.length === 0) return;
    const over = await queue.read((state) => open.filter(([, jobId]) => !state.jobs.has(jobId)));
    for (const [fingerprint, jobId] of over) {
      await queue.submit<"settleGroup">({
        ...{ type: "settleGroup", source: source.id, fingerprint, jobId, policy: source.policy },
      });
    }
  }

  /** Decides again about what time or a free place may have changed. Gives when the next of it comes. */
  async function wake(source: Source): Promise<number | null> {
    const now = clock.wall();
    const index = { collection: "groups", index: "wake", equals: { source: source.id } } as const;
    const late = await queue.documents.list({ ...index, below: now + 1, limit: AT_ONCE });
    const line = await nextInLine(queue.documents, source.id, source.policy, now);
    const fingerprints = [...late.items.map(({ doc }) => asGroup(doc).fingerprint), ...line.fingerprints];
    if (fingerprints.length > 0) {
      await queue.submit<"wakeGroups">({
        ...{ type: "wakeGroups", source: source.id, fingerprints, policy: source.policy },
      });
    }
    const next = await queue.documents.list({ ...index, limit: 1, from: now + 1 });
    const times = [line.againAt, ...next.items.map(({ doc }) => asGroup(doc).wakeAt)].filter((at) => at !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  async function openDue(source: Source, intake: KeptIntake): Promise<void> {
    const equals = { source: source.id, stage: "due" };
    const page = await queue.documents.list({ collection: "groups", index: "line", equals, limit: AT_ONCE });
    for (const { doc } of page.items) await openOne(source, asGroup(doc), intake);
  }

  async function openOne(source: Source, group: Group, intake: KeptIntake): Promise<void> {
    const job = await jobOf(source, group, intake).catch((error: unknown) => {
      if (error instanceof HiveError && error.code === "invalid_field") return { refused: error.message };
      throw error;
    });
    try {
      await queue.submit<"openGroup">({
        type: "openGroup",
        source: source.id,
        fingerprint: group.fingerprint,
        episode: group.jobs + 1,
        policy: source.policy,
        job,
        overBudget: await overBudget(source, clock.wall()),
      });
    } catch (error) {
      // It resolved, or was muted, in this moment.
      if (!(error instanceof HiveError) || error.code !== "stale_group") throw error;
    }
  }

  async function jobOf(source: Source, group: Group, intake: KeptIntake): Promise<NewJob> {
    const subject = subjectOf(group);
    const rendered = await intake
      .ask<"render">({ kind: "render", source: source.id, subject })
      .catch((error: unknown) => {
        throw error instanceof IntakeError && error.code !== "stopped" ? refused("job.template", error.message) : error;
      });
    const fields = subject.samples.at(-1)?.fields ?? {};
    const { repo: _repo, repoFrom: _from, template: _template, ...written } = source.job;
    const request = newJobSchema.safeParse({
      ...written,
      jobId: groupJobId(group),
      repo: repoOf(source, fields),
      instructions: rendered.instructions,
      inputs: [signalFile(source.id, subject)],
    });
    if (!request.success)
      throw refused("job", request.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
    const compiled = compileJob({
      request: request.data,
      policy,
      now: clock.wall(),
      randomId: groupJobId(group),
      origin: `source:${source.id}`,
      trust: source.trust,
      issue: source.type.issueOf(fields),
    });
    if (compiled.ok) return compiled.job;
    throw refused("job", compiled.problems.map(({ path, message }) => `${path}: ${message}`).join("; "));
  }

  return {
    async look(source, intake) {
      await settle(source);
      const again = await wake(source);
      await openDue(source, intake);
      return again;
    },
    jobOf,
  };
}

/** The id of the next job of a group: one episode, one id, one job. */
export function groupJobId({ source, fingerprint, jobs }: Pick<Group, "source" | "fingerprint" | "jobs">): string {
  return `${source}.${fingerprint.slice(0, SHORT)}.${jobs + 1}`;
}

/** What the job is about, as a template sees it. */
export function subjectOf(group: Group): Subject {
  const { title, severity, count, firstAt, lastAt, regressed, jobs, samples } = group;
  return {
    ...{ title, severity: SEVERITIES.find((one) => one === severity) ?? "error", count, firstAt, lastAt, regressed },
    episode: jobs + 1,
    samples: samples.map(({ at, text, fields, link }) => ({ at, text, fields: { ...fields }, link })),
  };
}

/** Only what the operator wrote: a value from outside chooses among those. */
function repoOf({ job }: Source, fields: Readonly<Record<string, string>>): string {
  if (job.repoFrom === undefined) return job.repo ?? "";
  const { field, allow } = job.repoFrom;
  const value = fields[field] ?? "";
  const repo = Object.hasOwn(allow, value) ? allow[value] : undefined;
  if (repo === undefined)
    throw refused("job.repoFrom", `${field} is ${JSON.stringify(value)}, which allow does not list`);
  return repo;
}

function refused(path: string, message: string): HiveError {
  return new HiveError("invalid_field", `${path}: ${message}`);
}
