import type { GroupView } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useId } from "react";
import { number } from "../../ui/facts.tsx";
import { Tag, type Tone } from "../../ui/tag.tsx";
import { Time } from "../../ui/time.tsx";
import { GroupActions } from "./group-actions.tsx";
import { GroupSamples } from "./group-samples.tsx";
import { STAGES, type Stage } from "./source-search.ts";

const STAGE_TONES: Readonly<Record<Stage, Tone>> = {
  quiet: "plain",
  pending: "info",
  due: "info",
  held: "warn",
  open: "live",
  resolved: "good",
  muted: "plain",
};
const SEVERITY_TONES: Readonly<Record<GroupView["severity"], Tone>> = {
  info: "plain",
  warning: "warn",
  error: "bad",
  critical: "bad",
};
const HOLDS: Readonly<Record<NonNullable<GroupView["hold"]>["reason"], string>> = {
  max_open: "as many jobs as may are open",
  per_hour: "as many jobs as may were made this hour",
  cooldown: "its last job is not over for long enough",
  budget: "the money of the day is spent",
  refused: "its job cannot be made",
};

export interface GroupRowProps {
  readonly group: GroupView;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

/** One trouble: how often, since when, what is done about it. Its title is from outside. */
export function GroupRow({ group, isOpen, onToggle }: GroupRowProps) {
  const about = useId();
  const { title, stage, severity, count, firstAt, lastAt, firing, hold, mute, job, regressed, wakeAt } = group;
  return (
    <li className="px-4 py-3 text-sm">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-80">
          <button
            type="button"
            aria-expanded={isOpen}
            aria-controls={about}
            onClick={onToggle}
            className="flex max-w-full min-h-6 items-start gap-1 text-left font-medium"
          >
            {isOpen ? (
              <ChevronDown aria-hidden size={16} className="mt-0.5 shrink-0" />
            ) : (
              <ChevronRight aria-hidden size={16} className="mt-0.5 shrink-0" />
            )}
            <bdi className="outside-text line-clamp-3">{title}</bdi>
          </button>
          <p className="mt-1 flex flex-wrap items-center gap-x-2 gap-y-1 pl-5">
            <span title={STAGES[stage]}>
              <Tag tone={STAGE_TONES[stage]}>{stage}</Tag>
            </span>
            <Tag tone={SEVERITY_TONES[severity]}>{severity}</Tag>
            {regressed && <Tag tone="warn">came back</Tag>}
            {firing?.state === "firing" && <Tag tone="bad">fires</Tag>}
            <span className="text-soft">
              {number(count)} {count === 1 ? "time" : "times"}, last <Time at={Date.parse(lastAt)} />, first{" "}
              <Time at={Date.parse(firstAt)} />
            </span>
          </p>
          <div className="space-y-0.5 pt-1 pl-5 text-soft">
            {hold !== null && (
              <p className="outside-text">
                Held <Time at={Date.parse(hold.since)} />, {HOLDS[hold.reason]}: <bdi>{hold.message}</bdi>
              </p>
            )}
            {mute !== null && (
              <p className="outside-text">
                Muted by {mute.by} <Time at={Date.parse(mute.at)} />
                {mute.until !== null && (
                  <>
                    , until <Time at={Date.parse(mute.until)} />
                  </>
                )}
                {mute.reason !== "" && `: ${mute.reason}`}
              </p>
            )}
            {wakeAt !== null && (
              <p>
                Decided again <Time at={Date.parse(wakeAt)} />
              </p>
            )}
            {job !== null && (
              <p>
                {job.endedAt === null ? "Its job: " : "Its last job: "}
                <Link to="/jobs/$jobId" params={{ jobId: job.id }} className="outside-text underline">
                  {job.id}
                </Link>
                {job.endedAt !== null && (
                  <>
                    , over <Time at={Date.parse(job.endedAt)} />
                  </>
                )}
              </p>
            )}
          </div>
        </div>
        <GroupActions group={group} />
      </div>
      <div id={about}>{isOpen && <GroupSamples group={group} />}</div>
    </li>
  );
}
