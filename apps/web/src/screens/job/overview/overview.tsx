import type { JobDetail } from "@hive/protocol";
import { Panel } from "../../../ui/panel.tsx";
import { Budget } from "../budget.tsx";
import { isForAgent } from "../job-tabs.tsx";
import type { JobEventFeed } from "../use-job-events.ts";
import { AboutJob } from "./about-job.tsx";
import { ArtifactList } from "./artifact-list.tsx";
import { Asked } from "./asked.tsx";
import { AttemptList } from "./attempt-list.tsx";
import { Environment } from "./environment.tsx";
import { LogTail } from "./log-tail.tsx";
import { Outcome } from "./outcome.tsx";

/** All of a job that fits on a page or two: first what it does or did, beside it what it is. */
export function Overview({ job, feed }: { readonly job: JobDetail; readonly feed: JobEventFeed }) {
  const hasRun = job.fence > 0;
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
      <div className="min-w-0 space-y-4">
        <Outcome job={job} />
        {hasRun && job.status !== "succeeded" && <LogTail job={job} />}
        <AttemptList job={job} events={feed.events} />
        <Asked job={job} />
        <ArtifactList job={job} />
      </div>
      <div className="min-w-0 space-y-4">
        {(isForAgent(job) || job.usage !== null) && (
          <Panel title="Cost and budget">
            <Budget job={job} />
          </Panel>
        )}
        <AboutJob job={job} />
        <Environment job={job} />
      </div>
    </div>
  );
}
