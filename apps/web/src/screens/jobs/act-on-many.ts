/**
 * One action on many jobs: those of a list, or exactly those that a filter finds. It is counted first; then done in
 * parts, never to more jobs than were counted, and can be stopped between two parts.
 */
import { ApiError, call, type CallTo, type ReplyTo, UnreachableError } from "../../api/call.ts";
import { act, type Action } from "./job-actions.ts";
import type { JobFilter } from "./jobs-search.ts";

export type Target =
  | { readonly kind: "jobs"; readonly jobIds: readonly string[] }
  | { readonly kind: "filter"; readonly filter: JobFilter };

export interface Skipped {
  readonly jobId: string;
  readonly code: string;
  readonly detail: string;
}
export interface Progress {
  readonly done: number;
  readonly skipped: readonly Skipped[];
}

type Bulk = CallTo<"bulkJobs">["body"];
type Chunk = ReplyTo<"bulkJobs">;

const COUNT_CHUNK = 1_000;
const CHUNK = 100;
/** Jobs of a list that are asked for at once. */
const AT_ONCE = 4;
/** A dispatcher that took over answers within some seconds. */
const TRIES = 6;

/** How many jobs it is, without touching one. `onCount` hears how far the counting is. */
export async function countJobs(
  action: Action,
  target: Target,
  onCount: (count: number) => void,
  signal: AbortSignal,
): Promise<number> {
  if (target.kind === "jobs") return target.jobIds.length;
  let count = 0;
  for (let cursor: string | null = ""; cursor !== null; ) {
    const body: Bulk = { action, filter: target.filter, dryRun: true, limit: COUNT_CHUNK, ...from(cursor) };
    const chunk: Chunk = await untilAnswered(() => call("bulkJobs", { body }, signal), signal);
    count += chunk.matched;
    onCount(count);
    cursor = chunk.next;
  }
  return count;
}

/** Does it to at most `most` jobs; resolves when it is over or `signal` stopped it, with what was done by then. */
export async function actOnMany(
  action: Action,
  target: Target,
  { most, signal, onProgress }: { most: number; signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<Progress> {
  let progress: Progress = { done: 0, skipped: [] };
  const add = (done: number, skipped: readonly Skipped[]): void => {
    progress = { done: progress.done + done, skipped: [...progress.skipped, ...skipped] };
    onProgress(progress);
  };
  if (target.kind === "jobs") {
    for (let at = 0; at < target.jobIds.length && !signal.aborted; at += AT_ONCE) {
      const some = target.jobIds.slice(at, at + AT_ONCE);
      const refused = await Promise.all(some.map((jobId) => refusalOf(action, jobId, signal)));
      const skipped = refused.filter((each) => each !== null);
      add(some.length - skipped.length, skipped);
    }
    return progress;
  }
  let left = most;
  for (let cursor: string | null = ""; cursor !== null && left > 0 && !signal.aborted; ) {
    const body: Bulk = { action, filter: target.filter, limit: Math.min(CHUNK, left), ...from(cursor) };
    const chunk: Chunk = await untilAnswered(() => call("bulkJobs", { body }), signal);
    left -= chunk.matched;
    cursor = chunk.next;
    add(chunk.done, chunk.skipped);
  }
  return progress;
}

function from(cursor: string): { readonly cursor?: string } {
  return cursor === "" ? {} : { cursor };
}

/** Null: it was done. */
async function refusalOf(action: Action, jobId: string, signal: AbortSignal): Promise<Skipped | null> {
  try {
    await untilAnswered(() => act(action, jobId), signal);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { jobId, code: error.code, detail: error.message };
  }
}

/** Asks again what may be asked again: each of these actions, done to a job twice, is as if it was done once. */
async function untilAnswered<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const mayRepeat = error instanceof UnreachableError || (error instanceof ApiError && error.retry);
      if (!mayRepeat || tries >= TRIES || signal.aborted) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, 500 * tries);
      });
    }
  }
}
