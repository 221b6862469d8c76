import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { AttemptLog } from "./attempt-log.tsx";
import { AttemptSelect } from "./attempt-select.tsx";

const route = getRouteApi("/jobs/$jobId/log");

/** What a job's attempts wrote, live. */
export function LogScreen() {
  const { jobId } = route.useParams();
  return <JobLog key={jobId} jobId={jobId} />;
}

function JobLog({ jobId }: { readonly jobId: string }) {
  const { fence: asked } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: job, error, refetch } = useApi("getJob", { params: { jobId } });
  const [isFollowing, setFollowing] = useState(false);
  const [pinned, setPinned] = useState(0);
  const latest = job?.fence ?? 0;
  // Who reads one attempt is not thrown into the next; who follows the job is.
  if (latest > 0 && (pinned === 0 || (isFollowing && pinned !== latest))) setPinned(latest);
  const fence = asked ?? pinned;

  function choose(next: number): void {
    setPinned(next);
    void navigate({ search: next === latest ? {} : { fence: next }, hash: "", replace: true });
  }

  return (
    // As high as the window: only the lines scroll.
    <div className="-mx-4 -mt-5 -mb-24 flex h-[calc(100dvh-3.5rem-1px-env(safe-area-inset-bottom))] flex-col bg-panel md:-mx-6 md:-mb-8 md:h-dvh">
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2">
        <h1 className="outside-text min-w-0 text-sm font-semibold">
          Log of{" "}
          <Link to="/jobs/$jobId" params={{ jobId }} className="underline">
            {jobId}
          </Link>
        </h1>
        {job !== undefined && <StatusBadge status={job.status} reason={job.reason} />}
        {job !== undefined && fence > 0 && <AttemptSelect job={job} fence={fence} onChoose={choose} />}
        {fence > 0 && latest > fence && asked === undefined && (
          <Button onClick={() => choose(latest)}>{`Attempt ${latest} has begun: show it`}</Button>
        )}
      </header>
      {job === undefined ? (
        error === null ? (
          <Loading rows={12} />
        ) : (
          <Trouble error={error} onRetry={() => void refetch()} />
        )
      ) : fence === 0 ? (
        <Empty title="No attempt of this job has begun" command={`npm run hive -- logs -f ${jobId}`}>
          {job.waiting ?? "Its log is here as soon as there is one."}
        </Empty>
      ) : (
        <AttemptLog key={fence} job={job} fence={fence} onFollowing={setFollowing} />
      )}
    </div>
  );
}
