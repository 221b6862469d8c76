import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { CalendarDays, Plus } from "lucide-react";
import { usePages } from "../../api/use-pages.ts";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/button.tsx";
import { More } from "../../ui/more.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { HERE } from "../../ui/zoned-time.tsx";
import { NoSchedules } from "./schedule-empty.tsx";
import { ScheduleForm } from "./schedule-form.tsx";
import { ScheduleRow } from "./schedule-row.tsx";

/** Every clock that makes jobs. */
export function SchedulesScreen() {
  const navigate = useNavigate();
  const { make = false } = useSearch({ from: "/schedules" });
  const list = usePages("listSchedules", { query: { limit: 50, recent: 12 } }, { enabled: !make });
  const schedules = list.pages?.flatMap((page) => page.schedules);
  const begin = (): void => void navigate({ to: "/schedules", search: { make: true } });
  const calendar = (): void => void navigate({ to: "/schedules/calendar", search: {} });
  useKeys([
    { keys: "m", about: "Make a schedule", run: begin },
    { keys: "v", about: "The calendar of all schedules", run: calendar },
  ]);

  if (make) return <ScheduleForm />;
  return (
    <>
      <ScreenHead
        title="Schedules"
        about={`Clocks that make jobs. Times are those of ${HERE}, and below them the schedule's own.`}
        actions={
          <>
            <Link
              to="/schedules/calendar"
              search={{}}
              className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-line bg-panel px-3 py-1 text-sm text-ink no-underline hover:bg-raised pointer-coarse:min-h-10"
            >
              <CalendarDays aria-hidden size={15} /> Calendar
            </Link>
            <Button look="main" icon={<Plus aria-hidden size={15} />} onClick={begin}>
              New schedule
            </Button>
          </>
        }
      />
      <Panel>
        {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
        {list.isPending && <Loading rows={6} />}
        {schedules?.length === 0 && <NoSchedules />}
        {schedules !== undefined && schedules.length > 0 && (
          <ul className="divide-y divide-line">
            {schedules.map((schedule) => (
              <ScheduleRow key={schedule.id} schedule={schedule} />
            ))}
          </ul>
        )}
        <More list={list} />
      </Panel>
    </>
  );
}
