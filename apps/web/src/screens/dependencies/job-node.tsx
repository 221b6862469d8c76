import type { DependencyJob } from "@hive/protocol";
import { Handle, type Node, type NodeProps, Position, useStore } from "@xyflow/react";
import { StatusBadge } from "../../ui/status.tsx";

export type JobNode = Node<{ readonly job: DependencyJob; readonly isChosen: boolean }, "job">;
export type GroupNode = Node<{ readonly label: string }, "group-of-candidates">;

/** Smaller than this nothing can be read: a job is its colour then. */
const READABLE_ZOOM = 0.32;

/** What a status looks like where there is no room for its word. */
export function colorOf(status: DependencyJob["status"]): string {
  switch (status) {
    case "running":
      return "var(--honey)";
    case "succeeded":
      return "var(--good)";
    case "failed":
      return "var(--bad)";
    case "held":
      return "var(--warn)";
    case "queued":
    case "scheduled":
      return "var(--info)";
    case "blocked":
    case "canceled":
      return "var(--strong)";
  }
}

/** A job in the graph. The list beside it has the same for who uses no pointer. */
export function JobNodeView({ data: { job, isChosen } }: NodeProps<JobNode>) {
  const { jobId, status, reason, role, task, phase } = job;
  const isFar = useStore(({ transform }) => transform[2] < READABLE_ZOOM);
  return (
    <div
      title={`${jobId}: ${status}`}
      {...(isFar ? { style: { background: colorOf(status) } } : {})}
      className={`flex h-full w-full flex-col justify-center gap-1 rounded-lg border-2 bg-panel px-2.5 text-ink ${isChosen ? "border-link shadow-md" : "border-line"}`}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} className="opacity-0" />
      {!isFar && (
        <>
          <span className="outside-text block truncate font-mono text-[13px] leading-5">{jobId}</span>
          <span className="flex min-w-0 items-center gap-1.5">
            <StatusBadge status={status} reason={status === "blocked" ? null : reason} />
            <span className="outside-text min-w-0 truncate text-xs text-soft">{phase ?? role ?? task}</span>
          </span>
        </>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} className="opacity-0" />
    </div>
  );
}

/** What is around a parent and its candidates. */
export function GroupNodeView({ data: { label } }: NodeProps<GroupNode>) {
  return (
    <div className="h-full w-full rounded-xl border border-dashed border-strong bg-raised px-3 pt-1.5">
      <span className="outside-text block truncate text-xs text-soft">{label}</span>
    </div>
  );
}
