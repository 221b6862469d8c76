import type { DependencyJob } from "@hive/protocol";
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { StatusBadge } from "../../ui/status.tsx";

export type JobNode = Node<{ readonly job: DependencyJob; readonly isChosen: boolean }, "job">;
export type GroupNode = Node<{ readonly label: string }, "group-of-candidates">;

/** A job in the graph. The list beside it has the same for who uses no pointer. */
export function JobNodeView({ data: { job, isChosen } }: NodeProps<JobNode>) {
  const { jobId, status, reason, role, task, phase } = job;
  return (
    <div
      title={jobId}
      className={`flex h-full w-full flex-col justify-center gap-1 rounded-lg border-2 bg-panel px-2.5 text-ink ${isChosen ? "border-link shadow-md" : "border-line"}`}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} className="opacity-0" />
      <span className="outside-text block truncate font-mono text-[13px] leading-5">{jobId}</span>
      <span className="flex min-w-0 items-center gap-1.5">
        <StatusBadge status={status} reason={status === "blocked" ? null : reason} />
        <span className="outside-text min-w-0 truncate text-xs text-soft">{phase ?? role ?? task}</span>
      </span>
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
