/**
 * What may be forgotten: jobs that are over, long enough, and nobody's dependency any more. Whoever asks for one hears how
 * it ended, and whoever puts it in again gets the same answer. All that is left of it goes, and nothing of any other job.
 */

import { parentOf } from "../families.ts";
import { KEEP_MS } from "../rules.ts";
import { all, briefs, type Checker } from "./checker.ts";

export const onlyTheOldIsForgotten: Checker = (seen) => [
  ...overAndOld(seen),
  ...sameAnswer(seen),
  ...nobodyWaited(seen),
  ...eventsOfOthersStay(seen),
  ...seen.left.map((what) => `kept: at the end ${what}`),
];

/** A job that somebody was told is not kept had ended as he was told, and no event of it comes after. */
const overAndOld: Checker = (seen) => {
  const broken: string[] = [];
  const lives = new Map<string, { readonly id: number; readonly at: number; readonly status: unknown }>();
  for (const { id, at, jobId, data } of seen.events) {
    if (jobId !== null && data["status"] !== undefined) lives.set(jobId, { id, at, status: data["status"] });
  }
  for (const { id, status, at, wall } of all(seen, "forgotten")) {
    const last = lives.get(id);
    // Candidates go with the job they work for, whenever they ended themselves.
    const age = wall - (lives.get(parentOf(id)) ?? last ?? { at: wall }).at;
    if (last === undefined) broken.push(`kept: ${id} was told at ${at} to be forgotten, and it never was there`);
    else if (last.status !== status)
      broken.push(
        `kept: ${id} was told at ${at} to have ended ${status}; event ${last.id} says ${String(last.status)}`,
      );
    else if (age < KEEP_MS)
      broken.push(`kept: ${id} was forgotten by ${at}, ${age.toFixed(0)} ms after its last event`);
  }
  return broken;
};

/** Put in again once it was forgotten, it is the same job that ended as it did. */
const sameAnswer: Checker = (seen) => {
  const broken: string[] = [];
  const told = new Map<string, { readonly at: number; readonly status: string }>();
  for (const entry of seen.entries) {
    if (entry.kind === "forgotten" && !told.has(entry.id)) told.set(entry.id, entry);
    if (entry.kind !== "enqueue" || entry.outcome !== "ok") continue;
    const gone = told.get(entry.id);
    if (gone === undefined || gone.at > entry.sentAt) continue;
    if (!entry.existing || entry.status !== gone.status)
      broken.push(`kept: ${entry.id}, forgotten by ${gone.at}, was put in at ${entry.at} and answered ${entry.status}`);
  }
  return broken;
};

/** A job is canceled for its dependencies only where one of them did not succeed. */
const nobodyWaited: Checker = (seen) => {
  const broken: string[] = [];
  const asked = briefs(seen);
  const vain = new Set<string>();
  for (const { id, jobId, data } of seen.events) {
    if (jobId === null) continue;
    const { status, reason } = data;
    if (status === "failed" || status === "canceled") {
      const { dependsOn, candidates = 0 } = asked.get(jobId) ?? { dependsOn: [] };
      const children = Array.from({ length: candidates }, (_, n) => `${jobId}.${n + 1}`);
      const fits = [...dependsOn, ...children].some((one) => vain.has(one));
      if (reason === "dependency_failed" && !fits)
        broken.push(`kept: event ${id} canceled ${jobId} for its dependencies, none of which had failed`);
      vain.add(jobId);
    }
  }
  return broken;
};

/** Events that are gone are of jobs that are, or of no job. */
const eventsOfOthersStay: Checker = (seen) =>
  seen.events
    .filter(({ id, jobId }) => seen.swept.has(id) && jobId !== null && !seen.forgotten.has(jobId))
    .map(({ id, type, jobId }) => `kept: event ${id} (${type}) of ${jobId} is gone, and the job is there`);
