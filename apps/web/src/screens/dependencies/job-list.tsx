import type { Dependencies, DependencyJob } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { repoName } from "../../ui/facts.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { Time } from "../../ui/time.tsx";

export interface JobListProps {
  readonly jobs: Dependencies["jobs"];
  readonly edges: Dependencies["edges"];
  /** Each list hangs together. */
  readonly families: readonly (readonly string[])[];
  readonly chosen: string | null;
  readonly onChoose: (jobId: string) => void;
}

/** The graph in words: family by family, each job with what it waits for. */
export function JobList({ jobs, edges, families, chosen, onChoose }: JobListProps) {
  const byId = useMemo(() => new Map(jobs.map((job) => [job.jobId, job])), [jobs]);
  const before = useMemo(() => Map.groupBy(edges, ({ to }) => to), [edges]);
  const shown = families
    .map((family) => family.map((id) => byId.get(id)).filter((job) => job !== undefined))
    .filter((family) => family.length > 0);
  return (
    <div className="divide-y divide-line">
      {shown.map((family, place) => (
        <section
          key={family[0]?.jobId}
          aria-label={`Family ${place + 1}`}
          className="[contain-intrinsic-size:auto_12rem] [content-visibility:auto]"
        >
          {shown.length > 1 && (
            <h3 className="bg-raised px-3 py-1 text-xs text-soft">
              Family {place + 1}: {family.length} {family.length === 1 ? "job" : "jobs"}
            </h3>
          )}
          <ul className="divide-y divide-line">
            {family.map((job) => (
              <Row
                key={job.jobId}
                job={job}
                lines={before.get(job.jobId) ?? []}
                isChosen={job.jobId === chosen}
                onChoose={() => onChoose(job.jobId)}
              />
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

interface RowProps {
  readonly job: DependencyJob;
  readonly lines: Dependencies["edges"];
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

function Row({ job, lines, isChosen, onChoose }: RowProps) {
  const { jobId, status, reason, role, task, repo, phase, parent, createdAt } = job;
  return (
    <li data-job={jobId} className={`px-3 py-2 text-sm ${isChosen ? "bg-raised" : ""}`}>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <button
          type="button"
          aria-expanded={isChosen}
          onClick={onChoose}
          className="outside-text min-h-6 min-w-0 rounded text-left font-mono text-[13px] pointer-coarse:min-h-10"
        >
          {jobId}
        </button>
        <StatusBadge status={status} reason={status === "blocked" ? null : reason} />
        {phase !== null && <span className="outside-text text-xs text-soft">{phase}</span>}
      </div>
      <Waiting lines={lines} />
      {isChosen && (
        <div className="mt-1.5 space-y-1.5 text-xs text-soft">
          <p className="outside-text">
            {parent === null ? "" : `A candidate for ${parent}. `}
            {role === null ? task : `${task}, ${role}`} in {repoName(repo)}, accepted <Time at={createdAt} />
          </p>
          <p className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
            <Link to="/jobs/$jobId" params={{ jobId }} className="underline">
              Open the job
            </Link>
            <Link to="/dependencies" search={{ job: jobId }} className="underline">
              Only its family
            </Link>
          </p>
        </div>
      )}
    </li>
  );
}

/** Ids said at once. */
const MOST_NAMED = 6;

function Waiting({ lines }: { readonly lines: Dependencies["edges"] }) {
  const waits = lines.filter((line) => line.waits).map(({ from }) => from);
  const done = lines.filter((line) => !line.waits).map(({ from }) => from);
  if (lines.length === 0) return null;
  return (
    <p className="outside-text text-xs text-soft">
      {waits.length > 0 && `waits for ${named(waits)}`}
      {waits.length > 0 && done.length > 0 && "; "}
      {done.length > 0 && `came after ${named(done)}`}
    </p>
  );
}

function named(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  return more > 0 ? `${ids.slice(0, MOST_NAMED).join(", ")} and ${more} more` : ids.join(", ");
}
