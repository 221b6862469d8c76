import type { ListedSchedule } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { Tag } from "../../ui/tag.tsx";
import { ZonedTime } from "../../ui/zoned-time.tsx";
import { PauseButton } from "./pause-schedule.tsx";
import { specOf, whenWords } from "./schedule-spec.ts";
import { SmallHistory } from "./slot-look.tsx";
import { TriggerButton } from "./trigger-schedule.tsx";

/** A schedule in the list: when it comes next, how its last slots went. */
export function ScheduleRow({ schedule }: { readonly schedule: ListedSchedule }) {
  const { id, managedBy, next, paused, recent, failures } = schedule;
  const spec = specOf(schedule);
  return (
    <li className="grid grid-cols-1 items-center gap-x-4 gap-y-2 px-4 py-3 md:grid-cols-[minmax(0,1.4fr)_minmax(0,1.2fr)_9rem_12rem]">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2">
          <Link
            to="/schedules/$scheduleId"
            params={{ scheduleId: id }}
            search={{}}
            className="outside-text font-medium"
          >
            {id}
          </Link>
          {managedBy === "file" && <Tag>hive.yaml</Tag>}
          {paused !== null && <Tag tone="warn">paused</Tag>}
          {failures > 1 && <Tag tone="bad">{failures} failures in a row</Tag>}
        </p>
        <p className="outside-text text-sm text-soft">{whenWords(schedule)}</p>
      </div>
      <p className="min-w-0 text-sm">
        {next !== null && <ZonedTime at={next.slot} zone={spec.timezone ?? "UTC"} />}
        {next === null && paused === null && <span className="text-soft">nothing more to come</span>}
        {paused !== null && (
          <span className="outside-text text-soft">
            {paused.reason} ({paused.by})
          </span>
        )}
      </p>
      <p>
        <SmallHistory recent={recent} />
      </p>
      <div className="flex flex-wrap gap-2 md:justify-end">
        <TriggerButton id={id} label={`Trigger ${id}`} />
        <PauseButton schedule={schedule} label={`${paused === null ? "Pause" : "Resume"} ${id}`} />
      </div>
    </li>
  );
}
