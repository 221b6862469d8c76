import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useAction, useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { Backfill } from "./backfill.tsx";
import { PauseButton } from "./pause-schedule.tsx";
import { ScheduleForm } from "./schedule-form.tsx";
import { ComingSlots } from "./schedule-preview.tsx";
import { ScheduleSettings } from "./schedule-settings.tsx";
import { whenWords } from "./schedule-spec.ts";
import { SlotHistory } from "./slot-history.tsx";
import { TriggerButton } from "./trigger-schedule.tsx";

/** One schedule: what comes, what was, and what a person can do with it. */
export function ScheduleScreen() {
  const navigate = useNavigate();
  const { scheduleId } = useParams({ from: "/schedules/$scheduleId" });
  const { edit = false } = useSearch({ from: "/schedules/$scheduleId" });
  const params = { scheduleId };
  const asked = useApi("getSchedule", { params });
  const preview = useApi("previewSchedule", { params, query: { count: 8 } }, { enabled: !edit, everyMs: 60_000 });
  const [opened, setOpened] = useState<"backfill" | "remove" | null>(null);
  const remove = useAction("deleteSchedule", {
    touches: ["listSchedules", "scheduleCalendar"],
    onDone: () => {
      tell(`${scheduleId} is gone; its jobs go on`);
      void navigate({ to: "/schedules", search: {} });
    },
  });
  const schedule = asked.data;
  const isOurs = schedule?.managedBy === "api";
  const change = (): void => {
    if (isOurs) void navigate({ to: "/schedules/$scheduleId", params, search: { edit: true } });
  };
  useKeys([
    { keys: "e", about: "Change this schedule", run: change },
    { keys: "b", about: "Backfill", run: () => setOpened("backfill") },
  ]);

  if (asked.error !== null && schedule === undefined) {
    return (
      <>
        <ScreenHead title={scheduleId} />
        <Trouble error={asked.error} onRetry={() => void asked.refetch()} />
        <SlotHistory scheduleId={scheduleId} zone="UTC" />
      </>
    );
  }
  if (schedule === undefined) return <Loading rows={8} />;
  if (edit && isOurs) return <ScheduleForm known={schedule} />;
  const zone = preview.data?.timezone ?? "UTC";
  return (
    <>
      <ScreenHead
        title={<span className="outside-text">{scheduleId}</span>}
        about={whenWords(schedule)}
        actions={
          <>
            <TriggerButton id={scheduleId} />
            <PauseButton schedule={schedule} />
            <Button onClick={() => setOpened("backfill")}>Backfill</Button>
            {isOurs && <Button onClick={change}>Change</Button>}
            {isOurs && (
              <Button look="danger" onClick={() => setOpened("remove")}>
                Delete
              </Button>
            )}
          </>
        }
      />
      {!isOurs && (
        <Notice>
          This schedule stands in hive.yaml, under schedules.{scheduleId}. Change it there and start Hive again;
          pausing, triggering and backfilling work from here.
        </Notice>
      )}
      {schedule.paused !== null && (
        <Notice tone="warn">
          Paused by {schedule.paused.by} <Time at={schedule.paused.at} />: {schedule.paused.reason}
        </Notice>
      )}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-4">
          <SlotHistory scheduleId={scheduleId} zone={zone} />
        </div>
        <div className="min-w-0 space-y-4 max-lg:order-first">
          <Panel
            title="Next"
            actions={
              <Link to="/schedules/calendar" search={{ schedule: scheduleId }} className="text-sm">
                Calendar
              </Link>
            }
          >
            {preview.error !== null && <Trouble error={preview.error} onRetry={() => void preview.refetch()} />}
            {preview.isPending && <Loading rows={5} />}
            {schedule.paused !== null && (
              <p className="px-4 pt-3 text-sm text-soft">While it is paused, none of these makes a job.</p>
            )}
            {schedule.next === null && schedule.paused === null ? (
              <p className="px-4 py-3 text-sm text-soft">
                Nothing more comes: its time is over, or it made all the jobs it may make.
              </p>
            ) : (
              preview.data !== undefined && <ComingSlots preview={preview.data} />
            )}
          </Panel>
          <ScheduleSettings schedule={schedule} />
        </div>
      </div>
      <Backfill scheduleId={scheduleId} open={opened === "backfill"} onClose={() => setOpened(null)} />
      <Confirm
        open={opened === "remove"}
        onClose={() => setOpened(null)}
        title={`Delete ${scheduleId}?`}
        about="Its clock is gone. Its jobs go on, and the records of its slots stay."
        verb="Delete it"
        busy={remove.isPending}
        onConfirm={() => remove.mutate({ params }, { onError: tellError })}
      />
    </>
  );
}
