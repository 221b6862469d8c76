import type { Worker } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import { useId } from "react";
import { Button } from "../../ui/button.tsx";
import { Names } from "../../ui/names.tsx";
import { Elapsed, Time } from "../../ui/time.tsx";
import { WorkerDetails } from "./worker-details.tsx";
import { stateOf, WorkerBadge } from "./worker-state.tsx";

export interface WorkerRowProps {
  readonly worker: Worker;
  /** When the server last heard of it. */
  readonly heardAt: number;
  readonly isOpen: boolean;
  /** Something about it is under way. */
  readonly busy: boolean;
  readonly onToggle: () => void;
  readonly onDrain: (draining: boolean) => void;
  /** Asks first. */
  readonly onStop: (jobId: string) => void;
}

/** One worker: what it is called, what it does now, and what can be done about it. Its name opens the rest. */
export function WorkerRow({ worker, heardAt, isOpen, busy, onToggle, onDrain, onStop }: WorkerRowProps) {
  const { workerId, jobId, draining, roles, labels, pool } = worker;
  const details = useId();
  const state = stateOf(worker);
  return (
    <li data-worker={workerId}>
      <div className="grid grid-cols-1 items-center gap-x-4 gap-y-1.5 px-3 py-2 md:grid-cols-[minmax(11rem,1.2fr)_minmax(14rem,2fr)_minmax(7rem,1fr)_12.5rem]">
        <div className="flex min-w-0 items-center gap-2">
          <button
            type="button"
            aria-expanded={isOpen}
            aria-controls={details}
            onClick={onToggle}
            className="flex min-h-8 min-w-0 items-center gap-1.5 rounded text-left text-sm font-medium pointer-coarse:min-h-10"
          >
            <ChevronRight
              aria-hidden
              size={15}
              className={`shrink-0 text-soft transition-transform ${isOpen ? "rotate-90" : ""}`}
            />
            <span className="outside-text min-w-0">{workerId}</span>
          </button>
          <WorkerBadge state={state} />
        </div>
        <Doing worker={worker} heardAt={heardAt} />
        <div className="min-w-0 text-xs max-md:hidden">
          {roles.length + labels.length > 0 ? (
            <Names names={[...new Set([...roles, ...labels])]} />
          ) : (
            <span className="outside-text text-soft">{pool === null ? "any role" : `pool ${pool}`}</span>
          )}
        </div>
        <div className="flex flex-wrap gap-2 md:justify-end">
          <Button
            busy={busy}
            onClick={() => onDrain(!draining)}
            aria-label={`${draining ? "Take back" : "Drain"} ${workerId}`}
          >
            {draining ? "Take back" : "Drain"}
          </Button>
          {jobId !== null && (
            <Button look="danger" busy={busy} onClick={() => onStop(jobId)} aria-label={`Stop now: ${workerId}`}>
              Stop now
            </Button>
          )}
        </div>
      </div>
      <div id={details}>{isOpen && <WorkerDetails worker={worker} heardAt={heardAt} />}</div>
    </li>
  );
}

function Doing({ worker, heardAt }: Pick<WorkerRowProps, "worker" | "heardAt">) {
  const { jobId, phase, jobSince } = worker;
  if (jobId === null) {
    switch (stateOf(worker)) {
      case "silent":
        return (
          <p className="text-sm text-bad">
            It was last heard of <Time at={heardAt} />.
          </p>
        );
      case "draining":
        return <p className="text-sm text-soft">It leaves.</p>;
      case "free":
      case "at work":
        return <p className="text-sm text-soft">It waits for work.</p>;
    }
  }
  return (
    <p className="flex min-w-0 flex-wrap items-baseline gap-x-2 text-sm">
      <Link to="/jobs/$jobId" params={{ jobId }} className="outside-text min-w-0 font-mono text-[13px]">
        {jobId}
      </Link>
      {phase !== null && <span className="outside-text text-soft">{phase}</span>}
      {jobSince !== null && (
        <span className="text-soft">
          for <Elapsed since={jobSince} until={null} />
        </span>
      )}
    </p>
  );
}
