import type { JobDetail } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { ExternalLink, GitBranch, GitPullRequest, Hourglass, ShieldAlert } from "lucide-react";
import type { ReactNode } from "react";
import { CopyButton } from "../../ui/command.tsx";
import { repoName } from "../../ui/facts.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { Elapsed, Time } from "../../ui/time.tsx";
import { Cost } from "./budget.tsx";
import { JobActions } from "./job-actions.tsx";
import { safeLink } from "./safe-link.ts";

/** What the job is and how it stands, in one look; and what can be done about it. */
export function JobHeader({ job }: { readonly job: JobDetail }) {
  const { jobId, status, reason, repo, result } = job;
  const branch = result?.branch ?? job.branch;
  const pullRequest = result?.pullRequest ?? null;
  const agent = [job.agent, job.result?.agent?.model ?? job.model].filter((part) => part != null).join(" · ");
  const pullRequestUrl = safeLink(pullRequest?.url ?? null);
  return (
    <header className="mb-3">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="text-xs text-soft">
            <Link to="/jobs">Jobs</Link>
            {job.parent !== null && (
              <>
                {" / "}
                <Link to="/jobs/$jobId" params={{ jobId: job.parent }} search={{ tab: "candidates" }}>
                  <span className="outside-text">{job.parent}</span>
                </Link>
              </>
            )}
          </p>
          <h1 className="flex items-center gap-1 text-xl font-semibold tracking-tight">
            <span className="outside-text">{jobId}</span>
            <CopyButton text={jobId} label="Copy the id" />
          </h1>
        </div>
        <JobActions job={job} />
      </div>

      <div aria-live="polite" className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1.5 text-sm">
        <StatusBadge status={status} reason={reason} />
        {job.cancelRequested && status === "running" && <Mark>is being canceled</Mark>}
        {job.trust === "untrusted" && (
          <Mark>
            <ShieldAlert aria-hidden size={13} /> untrusted: text from outside is in its instructions
          </Mark>
        )}
        {status === "running" && job.phase !== null && <span className="text-soft">phase {job.phase}</span>}
      </div>

      <ul className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-soft">
        <li className="outside-text" title={repo}>
          {repoName(repo)}
        </li>
        {branch !== null && (
          <li className="inline-flex min-w-0 items-center gap-1">
            <GitBranch aria-hidden size={14} className="shrink-0" />
            <span className="sr-only">Branch</span>
            <span className="outside-text">{branch}</span>
          </li>
        )}
        {pullRequest !== null && (
          <li>
            {pullRequestUrl === null ? (
              <span className="outside-text">Pull request {pullRequest.url}</span>
            ) : (
              <a
                href={pullRequestUrl}
                target="_blank"
                rel="noreferrer noopener"
                className="inline-flex items-center gap-1"
              >
                <GitPullRequest aria-hidden size={14} /> Pull request #{pullRequest.number}
                <ExternalLink aria-hidden size={12} />
                <span className="sr-only">(opens another window)</span>
              </a>
            )}
          </li>
        )}
        <li>
          {job.task}
          {agent !== "" && <span className="outside-text"> by {agent}</span>}
          {job.role !== null && <span className="outside-text"> as {job.role}</span>}
        </li>
        <li>
          made <Time at={job.createdAt} />
        </li>
        {job.endedAt !== null && (
          <li>
            over after <Elapsed since={job.createdAt} until={job.endedAt} />
          </li>
        )}
        <li>priority {job.priority}</li>
        <Cost job={job} />
        {job.labels.map((label) => (
          <li key={label} className="outside-text rounded-full border border-line px-2 text-xs">
            {label}
          </li>
        ))}
      </ul>

      {job.waiting !== null && (
        <p className="mt-3 flex items-start gap-2 rounded-md bg-info-ground px-3 py-2 text-sm text-info">
          <Hourglass aria-hidden size={16} className="mt-0.5 shrink-0" />
          <span className="outside-text">
            <span className="sr-only">Why it waits: </span>
            {job.waiting}
          </span>
        </p>
      )}
      {job.error !== null && (status === "failed" || job.waiting === null) && status !== "succeeded" && (
        <p className="mt-3 rounded-md bg-bad-ground px-3 py-2 text-sm text-bad">
          <span className="outside-text whitespace-pre-wrap">
            <code className="font-semibold">{job.error.code}</code> {job.error.message}
          </span>
        </p>
      )}
    </header>
  );
}

function Mark({ children }: { readonly children: ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1 rounded-full bg-warn-ground px-2 py-0.5 text-xs font-medium text-warn">
      {children}
    </span>
  );
}
