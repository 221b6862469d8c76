/**
 * Tells in the server's log what happens to jobs and workers: a line for each turn, so that `docker logs -f
 * hive-dispatcher` can be followed by a person. Bounded: a server that ends thousands of jobs a second spends its time
 * on them and not on its log, and says how many lines it left out.
 */

import { dollars, nanoOf, type Effect, type HiveEvent } from "@hive/core";
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { Queue } from "./queue/contract.ts";

/** Lines in one second at most. */
const LINES_PER_SECOND = 200;
const SECOND_MS = 1_000;
/** Characters of a reason that workers or repositories gave. */
const REASON_CHARACTERS = 300;

/** Begins to tell; answers how to stop. */
export function tellJobStory(queue: Pick<Queue, "onEffect">, log: Logger, clock: Pick<Clock, "mono">): () => void {
  let second = Number.NEGATIVE_INFINITY;
  let told = 0;
  let leftOut = 0;
  return queue.onEffect((effect: Effect) => {
    if (effect.type !== "event") return;
    const line = lineOf(effect.event);
    if (line === null) return;
    const now = clock.mono();
    if (now - second >= SECOND_MS) {
      if (leftOut > 0) log.info(`${leftOut} more lines about jobs were left out`);
      second = now;
      told = 0;
      leftOut = 0;
    }
    told += 1;
    if (told > LINES_PER_SECOND) {
      leftOut += 1;
      return;
    }
    const { jobId } = effect.event;
    const fields = jobId === null ? {} : { jobId };
    if (line.warn === true) log.warn(fields, line.text);
    else log.info(fields, line.text);
  });
}

interface Line {
  readonly text: string;
  readonly warn?: boolean;
}

/** What an event says to a person; null for those that only programs need. */
function lineOf({ type, data }: HiveEvent): Line | null {
  switch (type) {
    case "job.queued":
      return { text: data["returned"] === true ? `queued again: ${reason(data["message"])}` : "queued" };
    case "job.held":
      return { text: `held: ${reason(data["reason"])}` };
    case "job.blocked":
      return { text: "waits for other jobs" };
    case "job.scheduled":
      return { text: `waits until ${time(data["runAt"])}` };
    case "job.leased":
      return { text: `given to ${reason(data["workerId"])}` };
    case "job.publishing":
      return { text: `pushes ${short(data["commit"])} to ${reason(data["ref"]).replace(/^refs\/heads\//, "")}` };
    case "job.retrying":
      if (data["reason"] === "quota" || data["reason"] === "budget")
        return { text: `parked until ${time(data["runAt"])}: ${reason(data["message"])}` };
      return { text: `failed and is tried again: ${failure(data)}`, warn: true };
    case "job.succeeded":
      return { text: `succeeded${success(data["result"])}` };
    case "job.failed":
      return { text: `failed: ${failure(data)}`, warn: true };
    case "job.chosen":
      return { text: `candidate ${Number(data["candidate"])} is chosen: ${reason(data["message"])}` };
    case "job.cancel_requested":
      return { text: "is to be canceled" };
    case "job.stop_requested":
      return { text: `is to stop: ${reason(data["message"])}`, warn: true };
    case "job.budget":
      return { text: budget(data), warn: true };
    case "job.canceled":
      return { text: "canceled" };
    case "job.commented":
      return { text: `${reason(data["by"])} says: ${reason(data["message"])}` };
    case "job.approved":
      return { text: "approved" };
    case "worker.registered":
      return { text: `worker ${reason(data["name"])} is here` };
    case "worker.gone":
      return { text: `worker ${reason(data["name"])} is gone: ${reason(data["message"])}` };
    case "callback.dead":
      return { text: `the callback ${reason(data["type"])} could not be delivered and is not tried again`, warn: true };
    case "schedule.paused":
      return { text: `schedule ${reason(data["schedule"])} is paused: ${reason(data["message"])}`, warn: true };
    case "schedule.skipped":
      return { text: `schedule ${reason(data["schedule"])} left out ${skippedSlots(data)}`, warn: true };
    case "job.signal":
      return { text: `its source says: ${reason(data["message"])}` };
    case "group.opened":
      return { text: `source ${reason(data["source"])} asked for it: ${reason(data["title"])}` };
    case "group.held":
      return { text: `source ${reason(data["source"])} holds ${reason(data["title"])}: ${reason(data["message"])}` };
    case "group.muted":
      return { text: `source ${reason(data["source"])} mutes ${reason(data["title"])}: ${reason(data["reason"])}` };
    case "group.regressed":
      return { text: `source ${reason(data["source"])} sees it again: ${reason(data["title"])}`, warn: true };
    case "group.resolved":
      return { text: `source ${reason(data["source"])}: resolved: ${reason(data["title"])}` };
    case "source.groups_full":
      return { text: reason(data["message"]), warn: true };
    // The attempt's own log has these, and who refuses a host says so itself.
    case "job.started":
    case "job.progress":
    case "job.agent":
    case "job.egress_blocked":
    // The job's own line says it is there, and who changes a schedule is told what came of it.
    case "schedule.fired":
    case "schedule.changed":
      return null;
  }
}

/** Which slots made no job, and why. */
function skippedSlots({ slots, first, last, reason: why, message }: HiveEvent["data"]): string {
  const which = slots === 1 ? time(last) : `${Number(slots)} slots from ${time(first)} to ${time(last)}`;
  return `${which}: ${reason(why)}${typeof message === "string" ? ` (${message})` : ""}`;
}

/** What most of a budget means, for a person. */
function budget({ account, name, dimension, used, limit }: HiveEvent["data"]): string {
  const day = account === "source" ? `the day of the source ${reason(name)}` : "the day";
  const whose = account === "job" ? "the job" : account === "project" ? `the day of ${reason(name)}` : day;
  const much = (amount: unknown): string =>
    dimension === "usd" ? dollars(nanoOf(Number(amount))) : `${Number(amount)}`;
  const what = dimension === "usd" ? "" : dimension === "turns" ? " model calls" : " tokens";
  return `${much(used)} of ${much(limit)}${what} are used of the budget of ${whose}`;
}

function success(result: unknown): string {
  const { branch, commit, noChanges, pullRequest } = fields(result);
  if (noChanges === true) return ", nothing changed";
  const where = typeof branch === "string" ? `: ${reason(branch)} is at ${short(commit)}` : "";
  const { url } = fields(pullRequest);
  return typeof url === "string" ? `${where}, ${reason(url)}` : where;
}

function failure(data: HiveEvent["data"]): string {
  const { code, message } = fields(data["error"]);
  const text = message ?? data["message"];
  const name = code ?? data["reason"];
  return [name, text].flatMap((part) => (typeof part === "string" ? [reason(part)] : [])).join(": ");
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function reason(value: unknown): string {
  const text = typeof value === "string" ? value.trim().replaceAll(/\s+/g, " ") : "";
  return text.length > REASON_CHARACTERS ? `${text.slice(0, REASON_CHARACTERS)}…` : text;
}

function short(commit: unknown): string {
  return typeof commit === "string" ? commit.slice(0, 10) : "";
}

function time(ms: unknown): string {
  return typeof ms === "number" ? new Date(ms).toISOString().replace(/\.\d+Z$/, "Z") : "";
}
