import type { JobSummary } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

/** To all jobs of a status. */
export function StatusLink({
  status,
  className = "",
  children,
}: {
  readonly status: JobSummary["status"];
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <Link to="/jobs" search={{ status }} className={className}>
      {children}
    </Link>
  );
}

/** To one job, by its id. */
export function JobLink({ jobId, className = "" }: { readonly jobId: string; readonly className?: string }) {
  return (
    <Link to="/jobs/$jobId" params={{ jobId }} className={`outside-text underline ${className}`}>
      {jobId}
    </Link>
  );
}
