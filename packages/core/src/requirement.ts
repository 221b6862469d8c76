/**
 * What a job asks of a worker: a role, labels and an agent adapter, written as one string so that jobs asking for the
 * same share one set of ready lists. A job without a role fits any worker and a worker without roles takes any job; all
 * of a job's labels must be the worker's; an agent runs only where its adapter is.
 */

import type { WorkerProfile } from "./command.ts";
import type { Job } from "./job.ts";

/** The part of a worker that decides which jobs it may take. */
export type Skills = Pick<WorkerProfile, "roles" | "labels" | "agents">;

/** The requirement of a job as one string, the same for every order of its labels. */
export function requirementOf(job: Pick<Job, "role" | "labels" | "agent">): string {
  if (job.role === null && job.agent === null && job.labels.length === 0) return "";
  return JSON.stringify([job.role, job.agent, ...sorted(job.labels)]);
}

/** May a worker with these skills take this job? */
export function fits(skills: Skills, job: Pick<Job, "role" | "labels" | "agent">): boolean {
  if (job.role !== null && skills.roles.length > 0 && !skills.roles.includes(job.role)) return false;
  if (job.agent !== null && !skills.agents.includes(job.agent)) return false;
  return job.labels.every((label) => skills.labels.includes(label));
}

/** The same string for workers that take the same jobs. */
export function skillsName(skills: Skills): string {
  return JSON.stringify([sorted(skills.roles), sorted(skills.labels), sorted(skills.agents)]);
}

function sorted(values: readonly string[]): readonly string[] {
  return values.length < 2 ? values : [...new Set(values)].sort();
}
