/** *Since you left*: what happened since an instant, in a few lines of our own words. */

import { attemptId, usageOf, type AttemptRecord, type Job } from "@hive/core";
import { asJob } from "../http/job-view.ts";
import type { Queue } from "../queue/contract.ts";
import type { Cursor, Page } from "../store/contract.ts";

const PAGE = 500;
/** Jobs looked at; of more, the newest. */
const MOST_JOBS = 5_000;
const MOST_REASONS = 5;
const MOST_NAMED = 5;

const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

/** A line each; `now` is when it is told. */
export async function digestSince(
  queue: Pick<Queue, "read" | "documents">,
  since: number,
  now: number,
): Promise<readonly string[]> {
  const ended: Job[] = [];
  let isAll = true;
  let after: Cursor | null = null;
  for (;;) {
    const page: Page = await queue.documents.list({
      ...{ collection: "jobs", index: "ended", equals: {}, from: since, limit: PAGE, order: "descending" },
      ...(after === null ? {} : { after }),
    });
    ended.push(...page.items.map(({ doc }) => asJob(doc)));
    if (page.next === null) break;
    if (ended.length >= MOST_JOBS) {
      isAll = false;
      break;
    }
    after = page.next;
  }
  const own = ended.filter((job) => job.parent == null);
  const succeeded = own.filter(({ status }) => status === "succeeded");
  const failed = own.filter(({ status }) => status === "failed");
  const [pullRequests, usd] = await Promise.all([countPullRequests(queue, succeeded), spent(queue, ended)]);
  const { held, names } = await queue.read((state) => ({
    held: state.counts.held,
    names: heldOf(state.jobs.values()),
  }));
  const hours = Math.max(1, Math.round((now - since) / 3_600_000));
  return [
    `In the last ${hours === 1 ? "hour" : `${hours} hours`}: ${isAll ? "" : "more than "}${own.length} ${own.length === 1 ? "job" : "jobs"} ended.`,
    `Succeeded: ${succeeded.length}, with a pull request: ${pullRequests}.`,
    `Failed: ${failed.length}${failed.length === 0 ? "" : ` (${reasons(failed)})`}.`,
    `Spent on models by these jobs: ${money.format(usd)}.`,
    held === 0
      ? "No decision waits."
      : `Decisions that wait: ${held} (${names.join(", ")}${held > names.length ? ", …" : ""}).`,
  ];
}

function heldOf(jobs: Iterable<Job>): readonly string[] {
  const names: string[] = [];
  for (const { id, status } of jobs) {
    if (status === "held") names.push(id);
    if (names.length === MOST_NAMED) break;
  }
  return names;
}

function reasons(failed: readonly Job[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of failed) {
    const name = (reason ?? "unknown").replaceAll("_", " ");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, MOST_REASONS).map(([name, count]) => `${name}: ${count}`);
  return [...shown, ...(sorted.length > MOST_REASONS ? ["…"] : [])].join(", ");
}

async function countPullRequests(queue: Pick<Queue, "documents">, jobs: readonly Job[]): Promise<number> {
  const keys = jobs.flatMap(({ id, run }) =>
    run === null ? [] : [{ collection: "attempts", id: attemptId(id, run.fence) }],
  );
  const docs = await all(queue, keys);
  return docs.filter((doc) => (doc as AttemptRecord | null)?.result?.pullRequest != null).length;
}

async function spent(queue: Pick<Queue, "documents">, jobs: readonly Job[]): Promise<number> {
  const docs = await all(
    queue,
    jobs.map(({ id }) => ({ collection: "usage", id })),
  );
  return docs.reduce<number>(
    (sum, doc) => sum + (usageOf((doc ?? null) as Parameters<typeof usageOf>[0], true)?.costUsd ?? 0),
    0,
  );
}

/** In pages, so that no read is long. */
async function all(
  queue: Pick<Queue, "documents">,
  keys: readonly { readonly collection: string; readonly id: string }[],
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (let at = 0; at < keys.length; at += PAGE) found.push(...(await queue.documents.get(keys.slice(at, at + PAGE))));
  return found;
}
