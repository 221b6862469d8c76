/** Jobs that fit a filter, in the order they came in. What no index answers is looked through, a bounded part at a time. */
import { type Job, parseRepoAddress, type Status, TERMINAL_STATUSES } from "@hive/core";
import type { Queue } from "../queue/contract.ts";
import type { Cursor } from "../store/contract.ts";
import { asJob } from "./job-view.ts";

/** Jobs one question looks at, at most: it must be answered soon, also when few of them fit. */
const LOOKS = 2000;

export interface JobQuestion {
  /** Both: jobs that fit both. Neither: all jobs. */
  readonly filter: { readonly status?: Status | undefined; readonly repo?: string | undefined };
  /** What else must be true of a job. Default: nothing. */
  readonly fits?: (job: Job) => boolean;
  readonly after?: Cursor | undefined;
  readonly order: "ascending" | "descending";
  /** Jobs that are wanted, at most. */
  readonly limit: number;
}

/** Up to `limit` jobs. With a `next` there may be more, also when these are fewer than were asked for. */
export async function findJobs(
  queue: Pick<Queue, "documents">,
  { filter, fits = () => true, after: first, order, limit }: JobQuestion,
): Promise<{ readonly jobs: readonly Job[]; readonly next: Cursor | null }> {
  const wanted = { ...filter, repo: filter.repo === undefined ? undefined : asStored(filter.repo) };
  const fitsAll = (job: Job): boolean =>
    (wanted.status === undefined || job.status === wanted.status) &&
    (wanted.repo === undefined || job.repo === wanted.repo) &&
    fits(job);
  const jobs: Job[] = [];
  let after = first;
  let looked = 0;
  for (;;) {
    const page = await queue.documents.list({
      collection: "jobs",
      ...indexFor(wanted),
      ...(after === undefined ? {} : { after }),
      order,
      limit: Math.min(limit - jobs.length, 1000),
    });
    looked += page.items.length;
    jobs.push(...page.items.map(({ doc }) => asJob(doc)).filter(fitsAll));
    after = page.next ?? undefined;
    if (page.next === null || jobs.length >= limit || looked >= LOOKS) return { jobs, next: page.next };
  }
}

/** The index with the fewest jobs to look through: those of a repository become more and more, those alive do not. */
function indexFor({ status, repo }: JobQuestion["filter"]): {
  readonly index: string;
  readonly equals: Readonly<Record<string, string>>;
} {
  const isOver = TERMINAL_STATUSES.some((each) => each === status);
  if (repo !== undefined && (status === undefined || isOver)) return { index: "repo", equals: { repo } };
  if (status !== undefined) return { index: "status", equals: { status } };
  return { index: "all", equals: {} };
}

/** A repository in the spelling it is kept in. */
function asStored(repo: string): string {
  const address = parseRepoAddress(repo, { allowFile: true, allowPlainHttp: () => true });
  return address.ok ? address.url : repo;
}
