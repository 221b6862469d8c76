import type { JobSummary } from "@hive/protocol";
import { EllipsisVertical } from "lucide-react";
import { memo, type ReactNode } from "react";
import { repoName } from "../../ui/facts.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { duration, Elapsed, Time } from "../../ui/time.tsx";

/** Pixels. */
export const ROW_HEIGHT = 40;
export const CARD_HEIGHT = 108;

/** The columns of the table, for its head and its rows; the agent's and the worker's need a wide window. */
export const COLUMNS =
  "grid grid-cols-[2.25rem_11rem_minmax(0,2fr)_minmax(0,1.2fr)_minmax(0,1fr)_5.5rem_6rem_2.5rem] xl:grid-cols-[2.25rem_11rem_minmax(0,2fr)_minmax(0,1fr)_minmax(0,1fr)_minmax(0,.6fr)_5.5rem_6rem_minmax(0,1.1fr)_2.5rem] items-center gap-x-2";

export interface JobRowProps {
  readonly job: JobSummary;
  /** From 0. */
  readonly place: number;
  readonly isSelected: boolean;
  /** It would not be in the list any more. */
  readonly isGone: boolean;
  readonly onSelect: (job: JobSummary, place: number, range: boolean) => void;
  readonly onMenu: (job: JobSummary, anchor: HTMLElement) => void;
  readonly onOpen: (jobId: string) => void;
}

/** A job as a row of the table. All of it is one link, beside the box and the menu. */
export const JobRow = memo(function JobRow(props: JobRowProps) {
  const { job, isSelected, isGone } = props;
  return (
    <div
      className={`${COLUMNS} relative h-full border-b border-line px-1 text-sm hover:bg-raised has-[a:focus-visible]:bg-raised ${isSelected ? "bg-info-ground" : "bg-panel"} ${isGone ? "opacity-70" : ""}`}
    >
      <Cell>
        <SelectBox {...props} />
      </Cell>
      <Cell title={standing(job)} flat>
        <StatusBadge status={job.status} reason={job.reason} />
      </Cell>
      <Cell title={job.jobId}>
        <JobLink {...props} />
      </Cell>
      <Cell title={job.repo}>{repoName(job.repo)}</Cell>
      <Cell title={kindOf(job)}>{kindOf(job)}</Cell>
      <Cell title={job.agent ?? ""} wide>
        {job.agent ?? <None />}
      </Cell>
      <Cell>
        <Time at={job.createdAt} className="relative z-10 text-soft" />
      </Cell>
      <Cell>
        <Worked job={job} />
      </Cell>
      <Cell title={placeOf(job) ?? ""} wide>
        {placeOf(job) ?? <None />}
      </Cell>
      <Cell>
        <MenuButton {...props} />
      </Cell>
    </div>
  );
});

/** A job as a card, where there is no room for a table. */
export const JobCard = memo(function JobCard(props: JobRowProps) {
  const { job, isSelected, isGone } = props;
  return (
    <div
      className={`relative flex h-[calc(100%-8px)] flex-col justify-between rounded-lg border border-line p-2 text-sm ${isSelected ? "bg-info-ground" : "bg-panel"} ${isGone ? "opacity-70" : ""}`}
    >
      <div className="flex items-center justify-between gap-2">
        <div className="flex min-w-0 items-center gap-1">
          <SelectBox {...props} />
          <span className="truncate">
            <StatusBadge status={job.status} reason={job.reason} />
          </span>
        </div>
        <MenuButton {...props} />
      </div>
      <div className="truncate px-2">
        <JobLink {...props} />
      </div>
      <div className="flex justify-between gap-3 px-2 text-xs text-soft">
        <span className="outside-text truncate">
          {repoName(job.repo)}, {kindOf(job)}
        </span>
        <span className="shrink-0">{job.startedAt === null ? <Time at={job.createdAt} /> : <Worked job={job} />}</span>
      </div>
    </div>
  );
});

/** A plain link: the router's own costs a fast scroller more than all else in the row. */
function JobLink({ job: { jobId }, onOpen }: JobRowProps) {
  return (
    <a
      href={`/jobs/${encodeURIComponent(jobId)}`}
      onClick={(event) => {
        // With a key held down it is the browser's: a new tab, a new window, a download.
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        onOpen(jobId);
      }}
      className="font-medium no-underline after:absolute after:inset-0 hover:underline"
    >
      {jobId}
    </a>
  );
}

function SelectBox({ job, place, isSelected, onSelect }: JobRowProps) {
  return (
    <label className="relative z-10 grid size-8 place-items-center pointer-coarse:size-10">
      <input
        type="checkbox"
        aria-label={`Select ${job.jobId}`}
        checked={isSelected}
        className="size-4 accent-(--honey)"
        onChange={(event) => onSelect(job, place, (event.nativeEvent as MouseEvent).shiftKey)}
      />
    </label>
  );
}

function MenuButton({ job, onMenu }: JobRowProps) {
  return (
    <button
      type="button"
      aria-haspopup="menu"
      aria-label={`Actions for ${job.jobId}`}
      onClick={(event) => onMenu(job, event.currentTarget)}
      className="relative z-10 grid size-8 place-items-center rounded-md text-soft hover:bg-raised hover:text-ink pointer-coarse:size-10"
    >
      <EllipsisVertical aria-hidden size={16} />
    </button>
  );
}

function Cell({
  title,
  wide = false,
  flat = false,
  children,
}: {
  readonly title?: string;
  readonly wide?: boolean;
  /** What is in it is no line of text. */
  readonly flat?: boolean;
  readonly children: ReactNode;
}) {
  return (
    <div
      role="cell"
      {...(title === undefined || title === "" ? {} : { title })}
      className={`outside-text min-w-0 ${flat ? "flex overflow-hidden" : "truncate"} ${wide ? "max-xl:hidden" : ""}`}
    >
      {children}
    </div>
  );
}

/** How long attempts of this generation ran, the one under way included. */
function Worked({ job: { startedAt, workedMs } }: { readonly job: JobSummary }) {
  if (startedAt !== null) return <Elapsed since={startedAt - workedMs} until={null} />;
  return workedMs === 0 ? (
    <None />
  ) : (
    <span className="tabular" title={`${workedMs} ms`}>
      {duration(workedMs)}
    </span>
  );
}

function None() {
  return <span className="text-soft">–</span>;
}

function standing({ status, reason }: JobSummary): string {
  return reason === null ? status : `${status}: ${reason.replaceAll("_", " ")}`;
}

function kindOf({ task, role }: JobSummary): string {
  return role === null ? task : `${task}, ${role}`;
}

function placeOf({ workerId, phase, cancelRequested }: JobSummary): string | null {
  if (workerId === null) return null;
  return `${cancelRequested ? "stopping" : (phase ?? "starting")} on ${workerId}`;
}
