/** What happened since a moment, from the jobs that ended since. Bounded: it says from where on it looked. */

import { type AttemptRecord, attemptId, dayAccountId, dayOf, type Document, type Job, usdOf } from "@hive/core";
import type { Digest } from "@hive/protocol";
import { asJob } from "./job-view.ts";
import type { Parts } from "./parts.ts";

/** Ended jobs looked at, at most. */
const MOST_JOBS = 1_000;
const PAGE = 250;
/** Attempts read at once: each may hold the summary of an agent. */
const ATTEMPTS_AT_ONCE = 50;
/** Attempts whose pull requests are remembered: what they made never changes. */
const REMEMBERED = 5_000;
const SHOWN_PULL_REQUESTS = 20;
const SHOWN_REASONS = 10;
const DAY_MS = 86_400_000;
const MOST_DAYS = 31;

type Source = Pick<Parts, "queue" | "clock">;
type PullRequest = NonNullable<AttemptRecord["result"]>["pullRequest"];
type Reasons = Digest["failures"];

/** Pull requests by the id of the attempt that opened them; null: it opened none. */
export type KnownPullRequests = Map<string, PullRequest>;

export async function digestSince(
  { queue, clock }: Source,
  since: number,
  known: KnownPullRequests = new Map(),
): Promise<Digest> {
  const until = clock.wall();
  const [{ jobs, from }, decisions, days] = await Promise.all([
    endedSince({ queue }, since),
    queue.read(({ counts, heldForSettings }) => Math.max(0, counts.held - heldForSettings.size)),
    costByDay({ queue }, Math.max(since, until - (MOST_DAYS - 1) * DAY_MS), until),
  ]);
  // A candidate is part of the work of its job, which tells of both.
  const own = jobs.filter(({ parent }) => (parent ?? null) === null);
  const ended = { succeeded: 0, failed: 0, canceled: 0 };
  const reasons = countReasons();
  for (const { id, status, reason } of own) {
    if (status !== "succeeded" && status !== "failed" && status !== "canceled") continue;
    ended[status] += 1;
    if (status === "failed") reasons.add(reason ?? "unknown", id);
  }
  const opened = await pullRequestsOf(
    { queue },
    own.filter(({ status }) => status === "succeeded"),
    known,
  );
  return {
    since,
    until,
    whole: from <= since,
    from,
    ended,
    pullRequests: { count: opened.length, newest: opened.slice(0, SHOWN_PULL_REQUESTS) },
    failures: reasons.top(),
    days,
    decisions,
  };
}

/** Newest first. `from`: all that ended from here on are among them. */
async function endedSince(
  { queue }: Pick<Source, "queue">,
  since: number,
): Promise<{ readonly jobs: readonly Job[]; readonly from: number }> {
  const jobs: Job[] = [];
  const query = {
    collection: "jobs",
    index: "ended",
    equals: {},
    from: since,
    order: "descending",
    limit: PAGE,
  } as const;
  for (let page = await queue.documents.list(query); ; ) {
    for (const { doc } of page.items) jobs.push(asJob(doc));
    if (page.next === null) return { jobs, from: since };
    if (jobs.length >= MOST_JOBS) return { jobs, from: jobs.at(-1)?.endedAt ?? since };
    page = await queue.documents.list({ ...query, after: page.next });
  }
}

async function pullRequestsOf(
  { queue }: Pick<Source, "queue">,
  jobs: readonly Job[],
  known: KnownPullRequests,
): Promise<Digest["pullRequests"]["newest"]> {
  const idOf = ({ id, run }: Job): string => attemptId(id, run?.fence ?? 0);
  const asked = jobs.map(idOf).filter((id) => !known.has(id));
  const read = new Map<string, PullRequest>();
  for (let at = 0; at < asked.length; at += ATTEMPTS_AT_ONCE) {
    const ids = asked.slice(at, at + ATTEMPTS_AT_ONCE);
    const docs = await queue.documents.get(ids.map((id) => ({ collection: "attempts", id })));
    for (const [place, id] of ids.entries()) {
      const opened = resultOf(docs[place] ?? null)?.pullRequest ?? null;
      read.set(id, opened);
      known.set(id, opened);
    }
  }
  const found = jobs.flatMap((job) => {
    const opened = known.get(idOf(job)) ?? read.get(idOf(job)) ?? null;
    return opened === null ? [] : [{ jobId: job.id, repo: job.repo, ...opened, endedAt: job.endedAt ?? 0 }];
  });
  for (const id of known.keys()) {
    if (known.size <= REMEMBERED) break;
    known.delete(id);
  }
  return found;
}

function resultOf(doc: Document | null): AttemptRecord["result"] {
  const stored: unknown = doc;
  return (stored as AttemptRecord | null)?.result ?? null;
}

/** What each day of UTC from one moment to another cost, oldest first. */
export async function costByDay(
  { queue }: Pick<Source, "queue">,
  from: number,
  until: number,
): Promise<Digest["days"]> {
  const days: string[] = [];
  // The day of a moment begins at a whole number of days.
  for (let at = Math.floor(from / DAY_MS) * DAY_MS; at <= until; at += DAY_MS) days.push(dayOf(at));
  const docs = await queue.documents.get(days.map((day) => ({ collection: "accounts", id: dayAccountId(day) })));
  return days.map((day, place) => {
    const stored: unknown = docs[place] ?? null;
    const account = stored as { readonly spentNano: number; readonly unpricedCalls: number } | null;
    // No account: nothing was spent, or it was so long ago that it is not kept.
    return account === null
      ? { day, usd: null, unpricedCalls: 0 }
      : { day, usd: usdOf(account.spentNano), unpricedCalls: account.unpricedCalls };
  });
}

/** Counts reasons; of each the job that is added first is named. */
export function countReasons(): {
  readonly add: (reason: string, jobId: string) => void;
  readonly top: () => Reasons;
} {
  const byReason = new Map<string, Reasons[number]>();
  return {
    add(reason, jobId) {
      const known = byReason.get(reason);
      if (known === undefined) byReason.set(reason, { reason, count: 1, jobId });
      else known.count += 1;
    },
    top: () => [...byReason.values()].sort((a, b) => b.count - a.count).slice(0, SHOWN_REASONS),
  };
}
