/**
 * Makes the job of a group that is due, in the same commit in which the group takes its place among those of its source;
 * or holds the group and says what is in its way. The limits are looked at here once more, so they hold whatever was
 * decided before and in whatever order these commands arrive.
 */

import type { CommandOf, Docs, NewJob, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Group } from "../group.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { decideAbout, liveJob } from "../group-job.ts";
import { type Matter, bypasses, cooledAt, inLine, limitInTheWay, nextDay, onHold, out } from "../group-rules.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";
import * as enqueue from "./enqueue.ts";

export function needs(state: State, command: CommandOf<"openGroup">, docs: Docs): Key[] {
  const { source, fingerprint, job } = command;
  const forJob = "refused" in job ? [] : enqueue.needs(state, enqueuing(job), docs);
  return [...bookKeys(source, [fingerprint]), ...forJob];
}

/**
 * @throws HiveError stale_group when the group is at another episode or neither due nor held; queue_full
 */
export function openGroup(step: Step, command: CommandOf<"openGroup">): Replies["openGroup"] {
  const { source, fingerprint, episode, policy, job } = command;
  const book = new GroupBook(step, source);
  const group = book.group(fingerprint);
  if (group === null || group.jobs + 1 !== episode || (group.stage !== "due" && group.stage !== "held")) {
    throw new HiveError("stale_group", `${source}/${fingerprint} is not waiting for job ${episode}`, {
      source,
      fingerprint,
      episode,
    });
  }
  const held = inTheWay({ group, tally: book.tally, policy, now: book.now }, command);
  if (held !== null) book.set(held);
  else if (liveJob(book, group) !== null) decideAbout(book, group, policy);
  else if (!("refused" in job)) make(book, group, job, command);
  book.close();
  const after = book.group(fingerprint);
  if (after === null) throw new Error(`${source}/${fingerprint} went away while it was opened`);
  return { group: after, jobId: after.stage === "open" ? (after.job?.id ?? null) : null };
}

/** The group on hold where something is in its way; null: nothing is. */
function inTheWay(matter: Matter, { job, overBudget }: CommandOf<"openGroup">): Group | null {
  const { group, tally, policy, now } = matter;
  if ("refused" in job) return onHold(matter, "refused", job.refused, null);
  if (group.released) return null;
  const cooled = cooledAt(group, policy, now);
  if (now < cooled) return onHold(matter, "cooldown", "its last job ended a short while ago", cooled);
  if (overBudget) return onHold(matter, "budget", "the day's budget of this source is used up", nextDay(now));
  if (bypasses(group, policy)) return null;
  const limit = limitInTheWay(tally, policy, now);
  return limit === null ? null : inLine(matter, limit);
}

function make(book: GroupBook, group: Group, job: NewJob, { episode, policy }: CommandOf<"openGroup">): void {
  const refused = accept(book.step, job);
  if (refused !== null) {
    book.set(onHold({ group, tally: book.tally, policy, now: book.now }, "refused", refused, null));
    return;
  }
  book.opened(group.fingerprint, job.id);
  const recent = group.firing === null ? [] : group.recent;
  const opened: Group = {
    ...out(group),
    stage: "open",
    jobs: episode,
    job: { id: job.id, openedAt: book.now, endedAt: null },
    recent,
    released: false,
  };
  book.set(opened);
  book.tell("group.opened", opened, { released: group.released });
  // One that ended as it was accepted (it depends on one that failed) is settled like any other, by its `ended`.
}

/** Takes the job in. Gives why it is not accepted, where sending it again would not help. @throws HiveError queue_full */
function accept(step: Step, job: NewJob): string | null {
  try {
    enqueue.enqueue(step, enqueuing(job));
    return null;
  } catch (error) {
    if (!(error instanceof HiveError) || error.code === "queue_full") throw error;
    return error.message;
  }
}

function enqueuing(job: NewJob): CommandOf<"enqueue"> {
  return { type: "enqueue", jobs: [job], idempotency: null };
}
