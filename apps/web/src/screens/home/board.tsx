import type { JobSummary } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { number, repoName } from "../../ui/facts.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { Elapsed, Time } from "../../ui/time.tsx";
import { StatusLink } from "./status-link.tsx";
import { useLastDay } from "./use-last-day.ts";

type Status = JobSummary["status"];

interface Column {
  readonly title: string;
  /** The first one is what the head leads to. */
  readonly statuses: readonly [Status, ...Status[]];
  readonly empty: string;
}

const COLUMNS: readonly Column[] = [
  { title: "Held", statuses: ["held"], empty: "Nothing is held." },
  { title: "Waiting", statuses: ["queued", "blocked", "scheduled"], empty: "Nothing waits." },
  { title: "Running", statuses: ["running"], empty: "Nothing runs." },
  { title: "Succeeded", statuses: ["succeeded"], empty: "Nothing succeeded yet." },
  { title: "Failed", statuses: ["failed"], empty: "Nothing failed." },
];
const SHOWN = 5;

/** The newest few jobs of each status, as they move. A phone shows one column at a time. */
export function Board() {
  const [chosen, setChosen] = useState("Running");
  const counts = useCounts();
  return (
    <section aria-label="Board">
      <div role="group" aria-label="Column" className="mb-2 flex gap-1 overflow-x-auto pb-1 md:hidden">
        {COLUMNS.map(({ title, statuses }) => (
          <button
            key={title}
            type="button"
            aria-pressed={chosen === title}
            onClick={() => setChosen(title)}
            className="min-h-10 shrink-0 rounded-md border border-line bg-panel px-3 text-sm text-soft aria-pressed:border-strong aria-pressed:bg-raised aria-pressed:font-medium aria-pressed:text-ink"
          >
            {title} <span className="tabular">{countText(counts, statuses)}</span>
          </button>
        ))}
      </div>
      <div className="grid gap-3 md:grid-cols-3 xl:grid-cols-5">
        {COLUMNS.map((column) => (
          <BoardColumn key={column.title} column={column} counts={counts} isChosen={chosen === column.title} />
        ))}
      </div>
    </section>
  );
}

type Counts = Readonly<Partial<Record<Status, { readonly count: number; readonly more: string }>>>;

/** How many there are: of jobs that live exactly, of those that ended in the last 24 hours. */
function useCounts(): Counts {
  const { data: health } = useApi("health", {});
  const { data: day } = useLastDay();
  const live = Object.entries(health?.queue ?? {}).map(([status, count]) => [status, { count, more: "" }] as const);
  const ended = Object.entries(day?.ended ?? {}).map(
    ([status, count]) => [status, { count, more: day?.whole === false ? "+" : "" }] as const,
  );
  return Object.fromEntries([...live, ...ended]);
}

function countText(counts: Counts, statuses: readonly Status[]): string {
  const known = statuses.flatMap((status) => counts[status] ?? []);
  if (known.length === 0) return "";
  return `${number(known.reduce((sum, { count }) => sum + count, 0))}${known.some(({ more }) => more !== "") ? "+" : ""}`;
}

function BoardColumn({
  column: { title, statuses, empty },
  counts,
  isChosen,
}: {
  readonly column: Column;
  readonly counts: Counts;
  readonly isChosen: boolean;
}) {
  const isEnd = statuses[0] === "succeeded" || statuses[0] === "failed";
  return (
    <section
      aria-label={title}
      className={`min-w-0 rounded-lg border border-line bg-panel ${isChosen ? "" : "max-md:hidden"}`}
    >
      <header className="flex items-baseline justify-between gap-2 border-b border-line px-3 py-2">
        <h2 className="text-sm font-semibold">
          <StatusLink status={statuses[0]} className="text-ink">
            {title}
          </StatusLink>
        </h2>
        <p className="tabular text-sm text-soft">
          <span className="font-medium text-ink">{countText(counts, statuses)}</span>
          {isEnd && " in 24 h"}
        </p>
      </header>
      {statuses.length > 1 && (
        <p className="flex flex-wrap gap-x-3 border-b border-line px-3 py-1.5 text-xs text-soft">
          {statuses.map((status) => (
            <StatusLink key={status} status={status} className="inline-flex min-h-7 items-center">
              {countText(counts, [status])} {status}
            </StatusLink>
          ))}
        </p>
      )}
      <Cards statuses={statuses} empty={empty} />
    </section>
  );
}

function Cards({ statuses, empty }: { readonly statuses: Column["statuses"]; readonly empty: string }) {
  const [first, second, third] = statuses;
  const lists = [useNewest(first), useNewest(second), useNewest(third)];
  // Of three at most; a list that nobody asked for is left out below.
  const error = lists.find((list) => list.error !== null)?.error ?? null;
  if (error !== null) return <Trouble error={error} onRetry={() => lists.forEach((list) => void list.refetch())} />;
  if (lists.some(({ isLoading }) => isLoading)) return <Loading rows={4} />;
  // What can run next stands first.
  const jobs = statuses.flatMap((_, place) => lists[place]?.data?.jobs ?? []).slice(0, SHOWN);
  if (jobs.length === 0) return <p className="px-3 py-3 text-sm text-soft">{empty}</p>;
  return (
    <ul className="divide-y divide-line">
      {jobs.map((job) => (
        <Card key={job.jobId} job={job} />
      ))}
    </ul>
  );
}

function useNewest(status: Status | undefined) {
  return useApi(
    "listJobs",
    { query: { status: status ?? "queued", limit: SHOWN } },
    { enabled: status !== undefined, keep: true },
  );
}

function Card({ job }: { readonly job: JobSummary }) {
  const { jobId, status, reason, repo, task, role, phase, startedAt, endedAt, createdAt } = job;
  return (
    <li className="px-3 py-2 text-sm">
      <Link to="/jobs/$jobId" params={{ jobId }} className="outside-text line-clamp-2 font-medium text-ink">
        {jobId}
      </Link>
      <p className="outside-text truncate text-xs text-soft">
        {role ?? task} in {repoName(repo)}
      </p>
      <p className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-soft">
        <StatusBadge status={status} reason={reason} />
        {status === "running" && phase !== null && <span className="outside-text">{phase}</span>}
        {status === "running" && startedAt !== null ? (
          <Elapsed since={startedAt} until={null} />
        ) : (
          <Time at={endedAt ?? createdAt} />
        )}
      </p>
    </li>
  );
}
