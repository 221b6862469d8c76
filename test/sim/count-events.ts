/** Counts the paths that the event stream shows were taken. */

import { briefs, leaseStories, type Seen } from "./checkers/checker.ts";
import { type Counters, type Happening, MUST_HAPPEN_TO_SCHEDULES, MUST_HAPPEN_TO_SOURCES } from "./counters.ts";
import { KEY_LIMITS } from "./rules.ts";

/** Adds what this run's events tell of. */
export function countEvents(seen: Seen, counters: Counters): void {
  const before = new Map<string, unknown>();
  const workers = new Set<unknown>();
  for (const { type, jobId, data } of seen.events) {
    const { status, reason } = data;
    const error = data["error"] as { readonly code?: unknown } | undefined;
    if (error?.code === "worker_lost") counters.count("lease lost");
    if (String(data["message"]).startsWith("the worker did not begin")) counters.count("lease never begun");
    if (data["retry"] === true) counters.count("retried by hand");
    if (type === "job.approved" && data["hold"] === "publish") counters.count("publish approved");
    if (type === "job.commented") counters.count(commentOn(data));
    if (type === "job.leased" && Number(data["attempt"]) > 0 && data["comments"] !== undefined)
      counters.count("comments given again after an attempt that failed");
    if (type === "worker.registered" && workers.has(data["workerId"])) counters.count("registered again");
    if (type === "worker.registered") workers.add(data["workerId"]);
    if (type === "callback.dead") counters.count("callback given up");
    if (type === "job.retrying" && error?.code !== "worker_lost") counters.count("job retried by itself");
    if (type === "job.failed" && reason === "poison") counters.count("poison");
    if (type === "job.failed" && reason === "budget_exceeded") counters.count("stopped by a budget");
    if (type === "job.retrying" && reason === "quota") counters.count("parked for a quota");
    if (type === "job.failed" && reason === "timeout") counters.count("timed out");
    if (type === "job.failed" && reason === "broken" && Number(data["attempt"]) > 1) counters.count("out of attempts");
    if (type === "job.canceled" && reason === "dependency_failed") counters.count("dependency failed");
    if (jobId === null || status === undefined) continue;
    const last = before.get(jobId);
    if (last === "parked" && status === "queued") counters.count("parked job ran again");
    if (last === "blocked" && (status === "queued" || status === "scheduled")) counters.count("dependency met");
    if ((last === "scheduled" || last === "parked") && status === "queued") counters.count("scheduled job ran");
    before.set(jobId, reason === "quota" ? "parked" : status);
  }
  countSlots(seen, counters);
  countGroups(seen, counters);
  countFullKeys(seen, counters);
  countForgotten(seen, counters);
}

/** What became of the slots of schedules. */
function countSlots({ entries, events, slots }: Seen, counters: Counters): void {
  for (const entry of entries) {
    if (entry.kind === "fired" && entry.slots.some(({ outcome }) => outcome === "buffered"))
      counters.count("slot waited for an earlier one");
  }
  for (const { reason } of slots) {
    const left = MUST_HAPPEN_TO_SCHEDULES.find((what) => what === `slot left out: ${reason}`);
    if (left !== undefined) counters.count(left);
  }
  for (const { type, data } of events) {
    if (type === "schedule.paused" && data["by"] === "hive") counters.count("schedule paused by its failures");
    if (type === "schedule.fired" && String(data["by"]).startsWith("backfill"))
      counters.count("slot made up for by a person");
  }
}

/** What became of the groups of sources. */
function countGroups({ events }: Seen, counters: Counters): void {
  for (const { type, data } of events) {
    const held = MUST_HAPPEN_TO_SOURCES.find((what) => what === `group held: ${String(data["reason"])}`);
    if (type === "group.held" && held !== undefined) counters.count(held);
    if (type === "group.muted" && data["by"] === "hive") counters.count("group muted by hive");
    if (type === "group.regressed") counters.count("group regressed");
    if (type === "group.opened" && data["released"] === true) counters.count("group released");
    if (type === "job.canceled" && data["message"] === "resolved")
      counters.count("job canceled as its trouble resolved");
    if (type === "job.signal") counters.count("job told of its trouble");
  }
}

/** What was done with jobs after somebody had heard that they are not kept any more, until the last look. */
function countForgotten({ entries }: Seen, counters: Counters): void {
  const gone = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === "world" && entry.what === "at rest") return;
    if (entry.kind === "forgotten") {
      counters.count("read of a forgotten job");
      gone.add(entry.id);
    }
    if (entry.kind === "ask" && entry.outcome === "job_forgotten") counters.count("asked to act on a forgotten job");
    if (entry.kind !== "enqueue") continue;
    const { id, outcome, brief } = entry;
    if (gone.has(id) && outcome === "ok") counters.count("forgotten job put in again");
    if (gone.has(id) && outcome === "id_conflict") counters.count("forgotten job put in with another body");
    if (outcome === "ok" && brief.dependsOn.some((one) => gone.has(one))) counters.count("depends on a forgotten job");
  }
}

/** Where the job was: a comment on one that is over is told of after its new generation was queued. */
function commentOn({ status, n, generation }: Readonly<Record<string, unknown>>): Happening {
  if (status === "running") return "comment on a job that runs";
  return Number(generation) > 1 && n !== undefined ? "comment on a job that is over" : "comment on a job that waits";
}

/** Keys that ran as many jobs as they may. */
function countFullKeys(seen: Seen, counters: Counters): void {
  const keys = briefs(seen);
  const stories = leaseStories(seen.events);
  for (const { jobId, leased } of stories) {
    const key = keys.get(jobId)?.key;
    if (key == null) continue;
    const running = stories.filter(
      (other) =>
        keys.get(other.jobId)?.key === key &&
        other.leased <= leased &&
        (other.ended === null || other.ended.id > leased),
    );
    if (running.length === KEY_LIMITS[key]) counters.count("key at its limit");
  }
}
