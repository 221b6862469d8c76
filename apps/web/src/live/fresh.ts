/** Which questions an event makes old, so that what is on the screen is asked again: each at most about twice a second. */
import type { QueryClient } from "@tanstack/react-query";
import type { Name } from "../api/call.ts";
import type { EventStream, HiveEvent } from "./event-stream.ts";

const GATHER_MS = 400;

/** Questions that are about all jobs, or about what the server does as a whole. */
const OF_ALL_JOBS: readonly Name[] = [
  "listJobs",
  "stats",
  "health",
  "listWorkers",
  "listPools",
  "listBudgets",
  "workerJobs",
  "dependencies",
];
/** Questions that name one job in their path. */
const OF_ONE_JOB: readonly Name[] = [
  "getJob",
  "jobEvents",
  "jobDiff",
  "jobArtifacts",
  "jobCandidates",
  "listComments",
  "listCallbacks",
];
const SCHEDULES: readonly Name[] = [
  "listSchedules",
  "getSchedule",
  "listSlots",
  "scheduleCalendar",
  "previewSchedule",
  "previewBackfill",
];
/** The ids of jobs that clocks made: the schedule's, then the slot. */
const OF_A_SCHEDULE = /^[a-z0-9][a-z0-9-]{0,47}\.\d{8}T\d{6}/;
const BY_KIND: Readonly<Record<string, readonly Name[]>> = {
  schedule: SCHEDULES,
  source: ["listSources", "getSource", "listGroups", "listDeliveries"],
  group: ["listSources", "getSource", "listGroups", "getGroup", "listHeld"],
  worker: ["listWorkers", "workerJobs", "listPools", "health"],
  callback: ["listCallbacks"],
};

/** What an overview counts. */
const OF_OVERVIEWS: ReadonlySet<string> = new Set([
  "job.held",
  "job.approved",
  "job.succeeded",
  "job.failed",
  "job.canceled",
  "job.queued",
]);

/** Keeps the answers in `queries` fresh by the events of `stream`. Returns how to stop it. */
export function keepFresh(stream: EventStream, queries: QueryClient): () => void {
  const names = new Set<string>();
  const jobs = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    timer = undefined;
    const old = new Set(names);
    const touched = new Set(jobs);
    names.clear();
    jobs.clear();
    void queries.invalidateQueries({
      predicate: ({ queryKey: [name, request] }) =>
        old.has(String(name)) || (isOfOneJob(name) && touched.has(jobOf(request) ?? "")),
    });
  }

  function onEvent({ type, jobId }: HiveEvent): void {
    const kind = type.split(".", 1)[0] ?? "";
    for (const name of jobId === null ? (BY_KIND[kind] ?? []) : OF_ALL_JOBS) names.add(name);
    for (const name of BY_KIND[kind] ?? []) names.add(name);
    if (jobId !== null) jobs.add(jobId);
    if (OF_OVERVIEWS.has(type)) names.add("digest");
    // What became of a slot is what became of its job.
    if (jobId !== null && OF_A_SCHEDULE.test(jobId)) for (const name of SCHEDULES) names.add(name);
    timer ??= setTimeout(flush, GATHER_MS);
  }

  const ends = [stream.onEvent(onEvent), stream.onGap(() => void queries.invalidateQueries())];
  return () => {
    for (const end of ends) end();
    clearTimeout(timer);
  };
}

function isOfOneJob(name: unknown): boolean {
  return OF_ONE_JOB.some((each) => each === name);
}

function jobOf(request: unknown): string | undefined {
  const { params, query } = (request ?? {}) as Record<"params" | "query", { readonly jobId?: string } | undefined>;
  return params?.jobId ?? query?.jobId;
}
