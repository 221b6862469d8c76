import { Link } from "@tanstack/react-router";
import type { JobDetail } from "@hive/protocol";
import { Fact, Facts } from "../../../ui/facts.tsx";
import { LongText } from "../../../ui/long-text.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { duration, Time } from "../../../ui/time.tsx";

/** How the job was put in: everything that is neither its words nor its result. */
export function AboutJob({ job }: { readonly job: JobDetail }) {
  const agent = [job.agent, job.model].filter((part) => part !== null).join(" · ");
  return (
    <Panel title="About the job">
      <Facts className="p-4 lg:grid-cols-2!">
        <Fact name="Repository">{job.repo}</Fact>
        {agent !== "" && <Fact name="Agent and model">{agent}</Fact>}
        {job.role !== null && <Fact name="Role">{job.role}</Fact>}
        {job.base !== null && <Fact name="Base">{job.base}</Fact>}
        <Fact name="Priority">{job.priority}</Fact>
        <Fact name="Tries">
          {job.attempts} of {job.maxAttempts}
          {job.failures > 0 && `, ${job.failures} failed`}
          {job.losses > 0 && `, ${job.losses} lost`}
        </Fact>
        <Fact name="Tried again after">{job.retryOn === "failure" ? "any failure" : "failures of the system"}</Fact>
        <Fact name="May take">{duration(job.timeoutMs)}</Fact>
        <Fact name="Comes from">
          {job.origin}
          {job.trust === "untrusted" && " (untrusted)"}
        </Fact>
        {job.runAt !== null && (
          <Fact name="Not before">
            <Time at={job.runAt} />
          </Fact>
        )}
        {job.concurrencyKey !== null && <Fact name="One at a time with">{job.concurrencyKey}</Fact>}
        {job.callbackUrl !== null && <Fact name="Calls back">{job.callbackUrl}</Fact>}
        {job.egress !== null && (
          <Fact name="May reach">{job.egress.length === 0 ? "nothing" : job.egress.join(", ")}</Fact>
        )}
        {job.dependsOn.length > 0 && (
          <Fact name="Waits for">
            <ul>
              {job.dependsOn.map((each) => (
                <li key={each}>
                  <Link to="/jobs/$jobId" params={{ jobId: each }}>
                    {each}
                  </Link>
                  {job.waitsFor.includes(each) && <span className="text-soft"> (not over)</span>}
                </li>
              ))}
            </ul>
          </Fact>
        )}
        <Fact name="Hangs together with">
          <Link to="/dependencies" search={{ job: job.jobId }} className="underline">
            Who waits for whom
          </Link>
        </Fact>
      </Facts>
      {job.blocked.length > 0 && (
        <div className="border-t border-line p-4 text-sm">
          <h3 className="mb-1 text-xs text-soft">Places it was kept from</h3>
          <ul>
            {job.blocked.map(({ host, port, reason }) => (
              <li key={`${host}:${port}`} className="outside-text">
                <code>
                  {host}:{port}
                </code>{" "}
                <span className="text-soft">{reason.replaceAll("_", " ")}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {job.metadata !== null && (
        <details className="border-t border-line">
          <summary className="px-4 py-2 text-sm text-soft">Metadata</summary>
          <div className="px-4 pb-4">
            <LongText name="Metadata" text={JSON.stringify(job.metadata, null, 2)} mono />
          </div>
        </details>
      )}
    </Panel>
  );
}
