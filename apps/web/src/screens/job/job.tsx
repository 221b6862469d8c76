/** One job: what it is and was, what it does now, and all that can be decided about it. */
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { JobDetail } from "@hive/protocol";
import { ApiError } from "../../api/call.ts";
import { useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { ScreenHead } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { Candidates } from "./candidates.tsx";
import { Conversation } from "./conversation/conversation.tsx";
import { Diff } from "./diff/diff.tsx";
import { JobCallbacks } from "./job-callbacks.tsx";
import { JobEventList } from "./job-event-list.tsx";
import { JobHeader } from "./job-header.tsx";
import type { Tab } from "./job-search.ts";
import { JobTabs, tabsOf } from "./job-tabs.tsx";
import { Overview } from "./overview/overview.tsx";
import { RawJson } from "./raw-json.tsx";
import { useJobEvents } from "./use-job-events.ts";

const route = getRouteApi("/jobs/$jobId");

export function JobScreen() {
  const { jobId } = route.useParams();
  const job = useApi("getJob", { params: { jobId } });
  if (job.data !== undefined && !isGone(job.error)) return <KnownJob key={jobId} job={job.data} />;
  return (
    <>
      <ScreenHead title={<span className="outside-text">{jobId}</span>} />
      {job.isPending && <Loading rows={6} />}
      {job.error !== null &&
        (isGone(job.error) ? (
          <Gone error={job.error} />
        ) : (
          <Trouble error={job.error} onRetry={() => void job.refetch()} />
        ))}
    </>
  );
}

function isGone(error: Error | null): error is ApiError {
  return error instanceof ApiError && (error.code === "not_found" || error.code === "job_forgotten");
}

/** Never there, or there once: the server says which. */
function Gone({ error }: { readonly error: ApiError }) {
  const forgotten = error.code === "job_forgotten";
  return (
    <Empty title={forgotten ? "This job is forgotten" : "There is no such job"} command="hive ls">
      <p className="outside-text">{error.message}</p>
      <p className="mt-2">
        <Link to="/jobs">All jobs</Link>
      </p>
    </Empty>
  );
}

function KnownJob({ job }: { readonly job: JobDetail }) {
  const { tab: asked } = route.useSearch();
  const navigate = useNavigate();
  const feed = useJobEvents(job.jobId);
  const tabs = tabsOf(job);
  const tab: Tab = tabs.find((each) => each === asked) ?? "overview";
  const params = { jobId: job.jobId };

  useKeys([
    ...tabs.map((each, at) => ({
      keys: String(at + 1),
      about: `Show ${each === "json" ? "JSON" : each}`,
      run: () =>
        void navigate({
          to: "/jobs/$jobId",
          params,
          search: each === "overview" ? {} : { tab: each },
          resetScroll: false,
        }),
    })),
    { keys: "l", about: "The whole log", run: () => void navigate({ to: "/jobs/$jobId/log", params }) },
  ]);

  return (
    <>
      <JobHeader job={job} />
      <JobTabs job={job} tab={tab} />
      {tab === "overview" && <Overview job={job} feed={feed} />}
      {tab === "conversation" && <Conversation job={job} feed={feed} />}
      {tab === "diff" && <Diff job={job} />}
      {tab === "candidates" && <Candidates job={job} />}
      {tab === "callbacks" && <JobCallbacks job={job} />}
      {tab === "events" && <JobEventList feed={feed} />}
      {tab === "json" && <RawJson job={job} />}
    </>
  );
}
