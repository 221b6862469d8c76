import { Link } from "@tanstack/react-router";
import type { JobDetail } from "@hive/protocol";
import { type Tab, TABS } from "./job-search.ts";

const TITLES: Readonly<Record<Tab, string>> = {
  overview: "Overview",
  conversation: "Conversation",
  diff: "Diff",
  candidates: "Candidates",
  callbacks: "Callbacks",
  events: "Events",
  json: "JSON",
};

/** The tabs that say something about this job. */
export function tabsOf(job: JobDetail): readonly Tab[] {
  return TABS.filter((tab) => {
    if (tab === "conversation") return isForAgent(job);
    if (tab === "candidates") return job.candidates !== null;
    return true;
  });
}

/** Whether an agent does it, so that somebody can speak to it. */
export function isForAgent({ task }: JobDetail): boolean {
  return task === "agent" || task === "analyze";
}

/** They are links: each can be sent to somebody, and the way back goes through them. */
export function JobTabs({ job, tab }: { readonly job: JobDetail; readonly tab: Tab }) {
  return (
    <nav aria-label="Parts of the job" className="mb-4 flex overflow-x-auto border-b border-line">
      {tabsOf(job).map((each) => (
        <Link
          key={each}
          to="/jobs/$jobId"
          params={{ jobId: job.jobId }}
          search={each === "overview" ? {} : { tab: each }}
          activeOptions={{ exact: true, includeSearch: true }}
          resetScroll={false}
          aria-current={each === tab ? "page" : undefined}
          className="-mb-px flex min-h-10 items-center gap-1.5 border-b-2 border-transparent px-3 text-sm whitespace-nowrap text-soft no-underline hover:text-ink aria-[current=page]:border-honey aria-[current=page]:font-medium aria-[current=page]:text-ink"
        >
          {TITLES[each]}
          <Count job={job} tab={each} />
        </Link>
      ))}
      <Link
        to="/jobs/$jobId/log"
        params={{ jobId: job.jobId }}
        className="-mb-px flex min-h-10 items-center px-3 text-sm whitespace-nowrap text-soft no-underline hover:text-ink"
      >
        Log
      </Link>
    </nav>
  );
}

function Count({ job, tab }: { readonly job: JobDetail; readonly tab: Tab }) {
  const stat = job.result?.diffStat ?? null;
  const text =
    tab === "candidates" && job.candidates !== null
      ? String(job.candidates.count)
      : tab === "diff" && stat !== null
        ? `+${stat.insertions} −${stat.deletions}`
        : tab === "conversation" && job.comments !== null && job.comments.count > job.comments.done
          ? `${job.comments.count - job.comments.done} open`
          : null;
  return text === null ? null : <span className="tabular rounded-full bg-raised px-1.5 text-xs text-soft">{text}</span>;
}
