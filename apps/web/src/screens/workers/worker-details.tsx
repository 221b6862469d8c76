import type { Worker } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { useApi } from "../../api/use-api.ts";
import { Fact, Facts, repoName } from "../../ui/facts.tsx";
import { Names } from "../../ui/names.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { duration, exactTime, Time } from "../../ui/time.tsx";

/** All there is to know of a worker. `heardAt`: when the server last heard of it. */
export function WorkerDetails({ worker, heardAt }: { readonly worker: Worker; readonly heardAt: number }) {
  return (
    <div className="border-t border-line bg-ground px-4 py-3">
      <Facts>
        <Fact name="Registered">
          <Time at={worker.registeredAt} />
        </Fact>
        <Fact name="Last heard of">
          <Time at={heardAt} />
        </Fact>
        <Fact name="Version">{worker.version}</Fact>
        <Fact name="Roles">
          <Names names={worker.roles} none="any" />
        </Fact>
        <Fact name="Labels">
          <Names names={worker.labels} />
        </Fact>
        <Fact name="Agents">
          <Names names={worker.agents} />
        </Fact>
        <Fact name="Started by">{worker.provider}</Fact>
        <Fact name="Isolation">{worker.isolation}</Fact>
        <Fact name="Pool">
          {worker.pool === null ? (
            "none: it came by itself"
          ) : (
            <Link to="/pools" hash={`pool-${worker.pool}`}>
              {worker.pool}
            </Link>
          )}
        </Fact>
      </Facts>
      <LastJobs workerId={worker.workerId} />
    </div>
  );
}

/** What it did last. Also of a worker that is not there any more. */
export function LastJobs({ workerId }: { readonly workerId: string }) {
  const { data, error, isPending, refetch } = useApi("workerJobs", { params: { workerId }, query: { limit: 10 } });
  return (
    <section aria-label={`Last jobs of ${workerId}`} className="mt-4">
      <h3 className="mb-1 text-xs font-semibold text-soft">Last jobs</h3>
      {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
      {isPending && <Loading rows={2} />}
      {data?.jobs.length === 0 && (
        <p className="text-sm text-soft">None of the jobs that ended lately was done by this worker.</p>
      )}
      <ul className="divide-y divide-line">
        {data?.jobs.map(({ jobId, status, reason, repo, role, grantedAt, endedAt }) => (
          <li key={jobId} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-1.5 text-sm">
            <StatusBadge status={status} reason={reason} />
            <Link to="/jobs/$jobId" params={{ jobId }} className="outside-text min-w-0 font-mono text-[13px]">
              {jobId}
            </Link>
            <span className="outside-text min-w-0 text-soft">
              {repoName(repo)}
              {role !== null && `, ${role}`}
            </span>
            <span className="ml-auto flex gap-3 text-soft">
              <span className="tabular" title={`from ${exactTime(grantedAt)} to ${exactTime(endedAt)}`}>
                {duration(endedAt - grantedAt)}
              </span>
              <Time at={endedAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
