/**
 * The rows of the list of jobs. They are a snapshot: what is new does not push what is read, it is counted, and comes
 * when the reader asks for it. What a row says is live for the rows in sight, and its status for all of them.
 */
import type { JobSummary } from "@hive/protocol";
import { keepPreviousData, useInfiniteQuery, useQueries } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { call, type CallTo, type ReplyTo } from "../../api/call.ts";
import { keyOf } from "../../api/use-api.ts";
import { useEvents } from "../../live/use-live.ts";
import { filterOf, type JobsSearch, type Status } from "./jobs-search.ts";

/** Rows of a page: the first are there soon, deep ones in fewer requests. */
const ROWS = 100;
const DEEP_ROWS = 500;
const DEEP_FROM = 10;
/** A list that somebody comes back to later than this is asked anew, in milliseconds. */
const OLD_MS = 120_000;
/** Milliseconds over which news are gathered. */
const GATHER_MS = 300;

interface Page {
  readonly cursor?: string;
  readonly limit: number;
}
const FIRST: Page = { limit: ROWS };

type Standing = Pick<JobSummary, "status" | "reason">;

/** Beyond the component, so that who comes back from a job finds the list as it was. */
let snapshot = { number: 0, at: 0 };

export interface JobList {
  readonly rows: readonly JobSummary[];
  /** The row as it is now. */
  readonly rowNow: (row: JobSummary) => JobSummary;
  /** It was in the list and would not be any more. */
  readonly isGone: (row: JobSummary) => boolean;
  /** Jobs that are not shown yet; `many`: at least so many. */
  readonly fresh: { readonly count: number; readonly many: boolean };
  readonly gone: number;
  readonly isPending: boolean;
  /** The rows are those of another filter, until the new ones are there. */
  readonly isOld: boolean;
  readonly error: Error | null;
  /** There are no more rows behind these. */
  readonly isWhole: boolean;
  readonly isFetchingMore: boolean;
  readonly more: () => void;
  readonly again: () => void;
  /** Says which rows are in sight. */
  readonly see: (first: number, last: number) => void;
}

export function useJobList(search: JobsSearch): JobList {
  const { status, repo, order = "newest" } = search;
  const filter = useMemo(() => filterOf({ status, repo }), [status, repo]);
  const asking = useCallback(
    (page: Page): CallTo<"listJobs"> => ({ query: { ...filter, order, ...page } }),
    [filter, order],
  );
  const [number, setNumber] = useState(() => {
    if (Date.now() - snapshot.at > OLD_MS) snapshot = { number: snapshot.number + 1, at: Date.now() };
    return snapshot.number;
  });
  const again = useCallback(() => {
    snapshot = { number: snapshot.number + 1, at: Date.now() };
    setNumber(snapshot.number);
  }, []);

  const list = useInfiniteQuery({
    // Not by the name of the endpoint: events must not ask for all of it again.
    queryKey: ["job table", filter, order, number],
    queryFn: ({ pageParam, signal }) => call("listJobs", asking(pageParam), signal),
    initialPageParam: FIRST,
    getNextPageParam: ({ next }, pages): Page | undefined =>
      next === null ? undefined : { cursor: next, limit: pages.length < DEEP_FROM ? ROWS : DEEP_ROWS },
    staleTime: "static",
    structuralSharing: false,
    placeholderData: keepPreviousData,
  });
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage, isPlaceholderData: isOld } = list;
  const before = useRef(NO_ROWS);
  const { rows, starts, places } = useMemo(() => {
    before.current = laidOut(data?.pages ?? [], before.current);
    return before.current;
  }, [data]);

  const [inSight, setInSight] = useState<readonly [number, number]>([0, 0]);
  const see = useCallback(
    (first: number, last: number) => {
      const pageOf = (row: number): number =>
        Math.max(
          0,
          starts.findLastIndex((start) => start <= row),
        );
      const next = [pageOf(first), pageOf(last)] as const;
      setInSight((now) => (now[0] === next[0] && now[1] === next[1] ? now : next));
    },
    [starts],
  );

  // The newest jobs, then the pages in sight, by the endpoint's name: events keep these fresh.
  const pages = data?.pages ?? [];
  const seen = isOld ? [] : pages.slice(inSight[0], inSight[1] + 1).map((_, place) => inSight[0] + place);
  const questions = [...(order === "newest" && inSight[0] === 0 ? [] : [-1]), ...seen];
  const answers = useQueries({
    queries: questions.map((place) => {
      const request =
        place === -1
          ? { query: { ...filter, order: "newest" as const, limit: ROWS } }
          : asking((data?.pageParams[place] as Page | undefined) ?? FIRST);
      const page = pages[place];
      return {
        queryKey: keyOf("listJobs", request),
        queryFn: ({ signal }: { readonly signal: AbortSignal }) => call("listJobs", request, signal),
        enabled: data !== undefined && !isOld,
        ...(page === undefined ? {} : { initialData: page, initialDataUpdatedAt: list.dataUpdatedAt }),
      };
    }),
    combine: (all) => all.map(({ data: answer }) => answer),
  });
  const live = new Map(answers.flatMap((answer) => answer?.jobs ?? []).map((job) => [job.jobId, job]));
  const head = answers[0]?.jobs ?? [];

  const standings = useStandings(places, JSON.stringify([filter, order, number]));
  const rowNow = (row: JobSummary): JobSummary => {
    const asked = live.get(row.jobId);
    if (asked !== undefined) return asked;
    const standing = standings.get(row.jobId);
    return standing === undefined ? row : { ...row, ...standing };
  };
  const isGone = (row: JobSummary): boolean =>
    status !== undefined && !isOld && !live.has(row.jobId) && (standings.get(row.jobId)?.status ?? status) !== status;
  const gone = status === undefined || isOld ? 0 : rows.filter(isGone).length;

  const isWhole = data !== undefined && !hasNextPage;
  const last = rows.at(-1);
  const isNew = ({ jobId, seq }: JobSummary): boolean => {
    if (places.has(jobId)) return false;
    if (last === undefined || isWhole) return isWhole;
    return order === "newest" && seq > last.seq;
  };
  const count = isOld ? 0 : head.filter(isNew).length;
  const isEmpty = rows.length === 0 && isWhole && !isOld;
  // Nothing is there that could jump.
  useEffect(() => {
    if (isEmpty && count > 0) again();
  }, [isEmpty, count, again]);

  return {
    rows,
    rowNow,
    isGone,
    fresh: { count, many: count >= ROWS },
    gone,
    isPending: list.isPending,
    isOld,
    error: list.error,
    isWhole,
    isFetchingMore: isFetchingNextPage,
    more: () => {
      if (hasNextPage && !isFetchingNextPage && !isOld && !list.isError) void fetchNextPage();
    },
    again: list.isError ? () => void (rows.length > 0 ? fetchNextPage() : list.refetch()) : again,
    see,
  };
}

type Answer = ReplyTo<"listJobs">;

interface LaidOut {
  readonly pages: readonly Answer[];
  readonly rows: readonly JobSummary[];
  /** The row each page begins with. */
  readonly starts: readonly number[];
  /** Rows by their job. */
  readonly places: ReadonlyMap<string, number>;
}
const NO_ROWS: LaidOut = { pages: [], rows: [], starts: [], places: new Map() };

/** All pages as rows. Of a long list that only grew at its end the rest is taken as it was laid out `before`. */
function laidOut(pages: readonly Answer[], before: LaidOut): LaidOut {
  const isGrown = before.pages.length > 0 && before.pages.every((page, place) => page === pages[place]);
  const from = isGrown ? before : NO_ROWS;
  const rows = [...from.rows];
  const starts = [...from.starts];
  // The same map, grown: copying it with each page of a long list would take longer than all else.
  const places = isGrown ? (from.places as Map<string, number>) : new Map<string, number>();
  for (const { jobs } of pages.slice(from.pages.length)) {
    starts.push(rows.length);
    for (const job of jobs) {
      // A job that was given back to the queue between two pages is met once.
      if (places.has(job.jobId)) continue;
      places.set(job.jobId, rows.length);
      rows.push(job);
    }
  }
  return { pages, rows, starts, places };
}

const NO_NEWS: ReadonlyMap<string, Standing> = new Map();

/** How jobs of the list stand by what the events said since. `list`: another one has heard nothing yet. */
function useStandings(places: ReadonlyMap<string, number>, list: string): ReadonlyMap<string, Standing> {
  const [heard, setHeard] = useState({ list, standings: NO_NEWS });
  const pending = useRef(new Map<string, Standing>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    pending.current = new Map();
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [list]);
  useEvents(({ jobId, data }) => {
    if (jobId === null || !places.has(jobId) || typeof data["status"] !== "string") return;
    const reason = typeof data["reason"] === "string" ? data["reason"] : null;
    pending.current.set(jobId, { status: data["status"] as Status, reason });
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      const news = pending.current;
      pending.current = new Map();
      setHeard((now) => ({ list, standings: new Map([...(now.list === list ? now.standings : []), ...news]) }));
    }, GATHER_MS);
  });
  return heard.list === list ? heard.standings : NO_NEWS;
}
