/** The job of a slot: the schedule's template filled in, and compiled like any job that comes in from outside. */

import { HiveError, type NewJob } from "@hive/core";
import { newJobSchema, type ScheduleSpec } from "@hive/protocol";
import { compileJobs } from "../queue/compile-candidates.ts";
import type { JobPolicy, JobProblem } from "../queue/compile-job.ts";
import { compileTexts, type TextTemplates } from "../templates/text-templates.ts";
import { DEFAULT_ZONE } from "./calendar.ts";
import { localText } from "./local-time.ts";

/** What jobs are compiled with. */
export interface JobMakerOptions {
  readonly policy: JobPolicy;
}

/** What a template may name. */
const NAMES = ["scheduled_for", "slot", "schedule"] as const;

/** The job of a slot, and behind it its candidates. @throws HiveError `invalid_field` when there is none */
export type JobsOf = (slot: number, now: number) => readonly [NewJob, ...NewJob[]];

export type JobMaker =
  | { readonly ok: true; readonly jobsOf: JobsOf }
  | { readonly ok: false; readonly problems: readonly JobProblem[] };

/** What is wrong with the templates of a job; empty: nothing. */
export function templateProblems(job: ScheduleSpec["job"]): readonly JobProblem[] {
  try {
    readTexts(job, DEFAULT_ZONE);
    return [];
  } catch (error) {
    return [asProblem(error)];
  }
}

/** Files are taken as they are: source code is full of braces. */
function readTexts({ changes: _changes, ...rest }: ScheduleSpec["job"], zone: string): TextTemplates {
  return compileTexts(rest, "job", { names: NAMES, timezone: zone });
}

/** Reads the template. Whether its jobs are accepted is only known of a slot's job: try one. */
export function jobMaker(id: string, job: ScheduleSpec["job"], zone: string, { policy }: JobMakerOptions): JobMaker {
  const { changes } = job;
  let texts: TextTemplates;
  try {
    texts = readTexts(job, zone);
  } catch (error) {
    return { ok: false, problems: [asProblem(error)] };
  }
  return {
    ok: true,
    jobsOf(slot, now) {
      const named = { scheduled_for: localText(zone, slot), slot: slotText(slot), schedule: id };
      const filled = newJobSchema.safeParse({ ...record(render(texts, named)), ...(changes && { changes }) });
      if (!filled.success) {
        throw refused(filled.error.issues.map(({ path, message }) => ({ path: ["job", ...path].join("."), message })));
      }
      const request = { ...filled.data, jobId: slotJobId(id, slot) };
      const compiled = compileJobs({ request, policy, now, randomId: request.jobId, origin: `schedule:${id}` });
      if (compiled.ok) return compiled.jobs;
      throw refused(compiled.problems.map(({ path, message }) => ({ path: `job.${path}`, message })));
    },
  };
}

/** A slot as job ids and templates have it: `20261123T023000Z`, with milliseconds only where there are any. */
export function slotText(slot: number): string {
  return new Date(slot).toISOString().replace(/[-:]|\.000(?=Z)|\.(?=\d)/g, "");
}

/** The id of a slot's job: one slot, one id, one job. */
export function slotJobId(schedule: string, slot: number): string {
  return `${schedule}.${slotText(slot)}`;
}

function render(texts: TextTemplates, values: Readonly<Record<string, string>>): unknown {
  try {
    return texts.render(values);
  } catch (error) {
    throw refused([asProblem(error)]);
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Errors of templates begin with the place. */
function asProblem(error: unknown): JobProblem {
  const text = error instanceof Error ? error.message : String(error);
  const [, path = "job", message = text] = /^(job[^\s:]*): (.*)$/s.exec(text) ?? [];
  return { path, message };
}

function refused(fields: readonly JobProblem[]): HiveError {
  const text = fields.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return new HiveError("invalid_field", text, { fields });
}
