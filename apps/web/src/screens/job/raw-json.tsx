import type { JobDetail } from "@hive/protocol";
import { useMemo } from "react";
import { requestOf } from "../../api/call.ts";
import { LongText } from "../../ui/long-text.tsx";
import { Panel } from "../../ui/panel.tsx";

/** The job as the API gives it. */
export function RawJson({ job }: { readonly job: JobDetail }) {
  const text = useMemo(() => JSON.stringify(job, null, 2), [job]);
  const [, address] = requestOf("getJob", { params: { jobId: job.jobId } });
  return (
    <Panel
      title="JSON"
      actions={
        <a href={address} download={`${job.jobId}.json`} className="text-sm">
          Download
        </a>
      }
    >
      <div className="p-4">
        <LongText name="JSON" text={text} mono shown={40_000} />
      </div>
    </Panel>
  );
}
