/**
 * How the queue was over the last hour, day or week. Every event of a job says the status the job has from then on, so
 * the kept events are the whole story: who waited, from when to when, and what came of it. The latest events are read
 * backwards from a moment whose counts are known; how many jobs waited before follows from who came and went since.
 */

import { eventsMark, type HiveEvent, MARKS, numberId, type Status } from "@hive/core";
import type { History, HistoryPoint, HistoryRange } from "@hive/protocol";
import { costByDay, countReasons } from "./digest.ts";
import type { Parts } from "./parts.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const RANGES: Readonly<Record<HistoryRange, { readonly pointMs: number; readonly points: number }>> = {
  "1h": { pointMs: MINUTE_MS, points: 60 },
  "24h": { pointMs: 15 * MINUTE_MS, points: 96 },
  "7d": { pointMs: 120 * MINUTE_MS, points: 84 },
};
const COST_DAYS = 14;
/** Events read for one answer, at most. */
const MOST_EVENTS = 20_000;
const PAGE = 1_000;
/** Jobs whose event before the first one that was read is looked for, at most; each is a question to the store. */
const MOST_LOOKS = 200;
const LOOKS_AT_ONCE = 20;

type Source = Pick<Parts, "queue" | "clock">;

/** A job went into a status. `from` is null where nothing is known of it before. */
interface Step {
  readonly at: number;
  readonly jobId: string;
  readonly from: Status | null;
  readonly to: Status;
  /** Since when it had been in `from`; null: not known. */
  readonly since: number | null;
  readonly reason: string | null;
}

interface Seen {
  readonly id: number;
  readonly at: number;
  readonly jobId: string;
  readonly status: Status;
  readonly reason: string | null;
}

export async function historyOf({ queue, clock }: Source, range: HistoryRange): Promise<History> {
  const { pointMs, points } = RANGES[range];
  const until = clock.wall();
  const from = (Math.floor(until / pointMs) - points + 1) * pointMs;
  const now = await queue.read((state) => ({ counts: { ...state.counts }, nextEvent: state.nextEvent }));
  const [{ seen, since }, days] = await Promise.all([
    readBack({ queue }, now.nextEvent, from),
    costByDay({ queue }, until - (COST_DAYS - 1) * DAY_MS, until),
  ]);
  const steps = await stepsOf({ queue }, seen);
  const first = Math.ceil(since / pointMs) * pointMs;
  const reasons = countReasons();
  for (const { at, to, reason, jobId } of steps.toReversed())
    if (to === "failed" && at >= first) reasons.add(reason ?? "unknown", jobId);
  return {
    ...{ range, from, until, pointMs },
    since: first,
    points: pointsOf(steps, now.counts, { first, until, pointMs }),
    failures: reasons.top(),
    days,
  };
}

/** The events of jobs, oldest first, that say a status. `since`: from here on none is missing. */
async function readBack(
  { queue }: Pick<Source, "queue">,
  nextEvent: number,
  from: number,
): Promise<{ readonly seen: readonly Seen[]; readonly since: number }> {
  const [mark = null] = await queue.documents.get([MARKS.events]);
  // Up to here, events went with the jobs that are not kept.
  const { upTo } = eventsMark(mark);
  const seen: Seen[] = [];
  const query = { collection: "events", order: "descending", limit: PAGE, from: numberId(upTo + 1) } as const;
  let oldest: number | null = null;
  let read = 0;
  for (let page = await queue.documents.list({ ...query, below: numberId(nextEvent) }); ; ) {
    for (const { doc } of page.items) {
      const stored: unknown = doc;
      const event = stored as HiveEvent;
      if (event.at < from) return { seen: seen.toReversed(), since: from };
      oldest = event.at;
      const one = seenOf(event);
      if (one !== null) seen.push(one);
    }
    read += page.items.length;
    // A store that never lost one has them all from its first day.
    if (page.next === null) return { seen: seen.toReversed(), since: upTo === 0 ? from : (oldest ?? from) };
    if (read >= MOST_EVENTS) return { seen: seen.toReversed(), since: oldest ?? from };
    page = await queue.documents.list({ ...query, after: page.next });
  }
}

function seenOf({ id, at, jobId, data }: HiveEvent): Seen | null {
  const { status, reason } = data as { readonly status?: Status; readonly reason?: string | null };
  return jobId === null || status === undefined ? null : { id, at, jobId, status, reason: reason ?? null };
}

/** What moved, in order. Where a job was before its first event here is asked of the store, as far as it matters. */
async function stepsOf({ queue }: Pick<Source, "queue">, seen: readonly Seen[]): Promise<readonly Step[]> {
  const firsts = new Map<string, Seen>();
  for (const one of seen) if (!firsts.has(one.jobId)) firsts.set(one.jobId, one);
  const before = new Map<string, Seen>();
  const asked = [...firsts.values()].slice(-MOST_LOOKS);
  for (let at = 0; at < asked.length; at += LOOKS_AT_ONCE) {
    await Promise.all(
      asked.slice(at, at + LOOKS_AT_ONCE).map(async ({ jobId, id }) => {
        const earlier = await eventBefore({ queue }, jobId, id);
        if (earlier !== null) before.set(jobId, earlier);
      }),
    );
  }
  const steps: Step[] = [];
  for (const { at, jobId, status, reason } of seen) {
    const last = before.get(jobId);
    // A job that a worker was given had been queued, whatever else is known of it.
    const from = last?.status ?? (status === "running" ? "queued" : null);
    if (from === status) continue;
    steps.push({ at, jobId, from, to: status, since: last?.at ?? null, reason });
    before.set(jobId, { id: 0, at, jobId, status, reason });
  }
  return steps;
}

async function eventBefore({ queue }: Pick<Source, "queue">, jobId: string, id: number): Promise<Seen | null> {
  const query = {
    collection: "events",
    index: "job",
    equals: { jobId },
    below: id,
    order: "descending",
    limit: 1,
  } as const;
  const [found] = (await queue.documents.list(query)).items;
  const stored: unknown = found?.doc ?? null;
  return stored === null ? null : seenOf(stored as HiveEvent);
}

/** Goes backwards: what is now is known, and each step taken back says what was before. */
function pointsOf(
  steps: readonly Step[],
  counts: { readonly queued: number; readonly running: number },
  { first, until, pointMs }: { readonly first: number; readonly until: number; readonly pointMs: number },
): HistoryPoint[] {
  const points: HistoryPoint[] = [];
  let { queued, running } = counts;
  let next = steps.length - 1;
  for (let at = Math.floor(until / pointMs) * pointMs; at >= first; at -= pointMs) {
    const point = { at, queued: Math.max(0, queued), running: Math.max(0, running) };
    const ends = { succeeded: 0, failed: 0, canceled: 0 };
    const waits: number[] = [];
    for (let step = steps[next]; step !== undefined && step.at >= at; next -= 1, step = steps[next]) {
      if (step.to === "queued") queued -= 1;
      if (step.to === "running") running -= 1;
      if (step.from === "queued") queued += 1;
      if (step.from === "running") running += 1;
      if (step.to === "succeeded" || step.to === "failed" || step.to === "canceled") ends[step.to] += 1;
      if (step.from === "queued" && step.to === "running" && step.since !== null) waits.push(step.at - step.since);
    }
    points.push({ ...point, ...ends, wait: waitOf(waits) });
  }
  return points.toReversed();
}

function waitOf(waits: number[]): HistoryPoint["wait"] {
  if (waits.length === 0) return null;
  const sorted = waits.map((ms) => Math.max(0, ms)).sort((a, b) => a - b);
  return {
    jobs: sorted.length,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    longestMs: sorted.at(-1) ?? 0,
  };
}
