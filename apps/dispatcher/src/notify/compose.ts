/**
 * Makes a message of what was gathered, as things stand now: a decision that somebody took meanwhile is not told, nor what
 * became of a job's candidates one by one. The pages are those of the web UI.
 */

import type { Job } from "@hive/core";
import type { Clock } from "../clock.ts";
import { digestSince } from "../http/digest.ts";
import { asJob } from "../http/job-view.ts";
import type { Queue } from "../queue/contract.ts";
import { digestText } from "./digest-text.ts";
import { type Message, MOST_SHOWN, titleOf } from "./message.ts";
import type { Notice } from "./notice.ts";

export interface Gathered {
  readonly notices: readonly Notice[];
  readonly leftOut: number;
  /** A digest is due, of what happened from then on. */
  readonly since: number | null;
}

export interface ComposeOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly publicUrl: string;
  readonly newId: () => string;
}

/** Null: nothing of it is worth telling any more. */
export async function compose(
  { queue, clock, publicUrl, newId }: ComposeOptions,
  { name: channel, timezone }: { readonly name: string; readonly timezone: string },
  { notices, leftOut, since }: Gathered,
): Promise<Message | null> {
  const ids = [...new Set(notices.flatMap(({ jobId }) => (jobId === null ? [] : [jobId])))];
  const docs = ids.length === 0 ? [] : await queue.documents.get(ids.map((id) => ({ collection: "jobs", id })));
  const jobs = new Map(ids.map((id, place) => [id, docs[place] == null ? null : asJob(docs[place])]));
  const fresh = notices.filter((notice) => notice.jobId === null || isNews(notice, jobs.get(notice.jobId) ?? null));
  const digest = since === null ? [] : digestText(await digestSince({ queue, clock }, since), timezone);
  if (fresh.length === 0 && leftOut === 0 && since === null) return null;
  // Those that need somebody first, then the newest.
  const order = (notice: Notice): number => (notice.kind === "decision" ? 0 : notice.kind === "succeeded" ? 2 : 1);
  const sorted = fresh.toSorted((a, b) => order(a) - order(b) || b.at - a.at);
  const title = titleOf(sorted, since !== null);
  return {
    id: newId(),
    at: clock.wall(),
    channel,
    title: title === "" ? `${leftOut} things happened` : title,
    items: sorted.slice(0, MOST_SHOWN).map((notice) => ({ ...notice, url: pageOf(publicUrl, notice) })),
    more: Math.max(0, sorted.length - MOST_SHOWN) + leftOut,
    digest,
    url: `${publicUrl}/`,
  };
}

/** Whether it is still so, and somebody's business. */
function isNews({ kind, reason }: Notice, job: Job | null): boolean {
  if (kind === "decision") return job?.status === "held" && job.reason === reason;
  // A candidate's end is told with the job it works for.
  return job === null || job.parent == null;
}

function pageOf(publicUrl: string, { jobId, kind }: Notice): string | null {
  if (jobId !== null) return `${publicUrl}/jobs/${encodeURIComponent(jobId)}`;
  if (kind === "source") return `${publicUrl}/sources`;
  if (kind === "pool") return `${publicUrl}/pools`;
  return kind === "schedule" ? `${publicUrl}/schedules` : null;
}
