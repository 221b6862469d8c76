import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useMemo } from "react";
import { useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/button.tsx";
import { Select } from "../../ui/field.tsx";
import { useMedia } from "../../ui/media.ts";
import { Notice } from "../../ui/notice.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { HERE } from "../../ui/zoned-time.tsx";
import { byDay, type CalendarSearch, daysLater, dayOf, periodsLater, shownDays, textOf } from "./calendar-days.ts";
import { CalendarGrid } from "./calendar-grid.tsx";
import { DayList, DayPanel } from "./calendar-day.tsx";
import { NoSchedules } from "./schedule-empty.tsx";

const title = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** What all schedules did and will do: a week or a month of it. */
export function CalendarScreen() {
  const navigate = useNavigate();
  const { view = "week", day, schedule } = useSearch({ from: "/schedules/calendar" });
  // Asked again each minute, so that midnight is not missed by more.
  const today = textOf(new Date());
  const isNarrow = useMedia("(max-width: 639px)");
  const chosen = dayOf(day ?? today) ?? new Date();
  const days = shownDays(chosen, view, FIRST_DAY);
  const [first = chosen, last = chosen] = [days[0], days.at(-1)];
  const query = {
    from: first.toISOString(),
    to: daysLater(last, 1).toISOString(),
    ...(schedule === undefined ? {} : { schedule }),
  };
  // Slots come due without an event where they make no job.
  const asked = useApi("scheduleCalendar", { query }, { keep: true, everyMs: 60_000 });
  const names = useApi("listSchedules", { query: { limit: 1_000 } }).data?.schedules ?? [];
  const appointments = useMemo(() => byDay(asked.data ?? { schedules: [] }), [asked.data]);
  const cut = asked.data?.schedules.filter(({ more }) => more).map(({ id }) => id) ?? [];

  const go = (some: CalendarSearch): void =>
    void navigate({
      to: "/schedules/calendar",
      search: { view, day: textOf(chosen), ...(schedule === undefined ? {} : { schedule }), ...some },
      replace: true,
    });
  const turn = (count: number): void => go({ day: textOf(periodsLater(chosen, view, count)) });
  useKeys([
    { keys: "t", about: "Today", run: () => go({ day: today }) },
    { keys: "w", about: "A week", run: () => go({ view: "week" }) },
    { keys: "m", about: "A month", run: () => go({ view: "month" }) },
    { keys: "[", about: "The one before", run: () => turn(-1) },
    { keys: "]", about: "The one after", run: () => turn(1) },
  ]);

  return (
    <>
      <ScreenHead
        title="Calendar"
        about={`What schedules made, what they skipped and what comes, in the time of ${HERE}.`}
        actions={
          <Link to="/schedules" search={{}} className="text-sm">
            All schedules
          </Link>
        }
      />
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <Button
          aria-label={`The ${view} before`}
          icon={<ChevronLeft aria-hidden size={16} />}
          onClick={() => turn(-1)}
        />
        <Button onClick={() => go({ day: today })}>Today</Button>
        <Button
          aria-label={`The ${view} after`}
          icon={<ChevronRight aria-hidden size={16} />}
          onClick={() => turn(1)}
        />
        <h2 aria-live="polite" className="mx-2 text-base font-semibold">
          {view === "month"
            ? title.format(chosen)
            : `${short.format(first)} – ${short.format(last)} ${last.getFullYear()}`}
        </h2>
        <div className="ml-auto flex flex-wrap gap-2">
          <Select
            aria-label="Of which schedule"
            className="w-auto! max-w-56"
            value={schedule ?? ""}
            onChange={({ target: { value } }) =>
              void navigate({
                to: "/schedules/calendar",
                search: { view, day: textOf(chosen), ...(value === "" ? {} : { schedule: value }) },
                replace: true,
              })
            }
          >
            <option value="">all schedules</option>
            {names.map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </Select>
          <div role="group" aria-label="How much" className="flex">
            {(["week", "month"] as const).map((each) => (
              <Button
                key={each}
                aria-pressed={view === each}
                className="rounded-none! first:rounded-l-md! last:rounded-r-md! aria-pressed:bg-raised aria-pressed:font-medium"
                onClick={() => go({ view: each })}
              >
                {each === "week" ? "Week" : "Month"}
              </Button>
            ))}
          </div>
        </div>
      </div>
      {asked.error !== null && <Trouble error={asked.error} onRetry={() => void asked.refetch()} />}
      {asked.data?.schedules.length === 0 ? (
        <Panel>
          <NoSchedules />
        </Panel>
      ) : asked.data === undefined ? (
        asked.error === null && <Loading rows={12} />
      ) : (
        <div aria-busy={asked.isPlaceholderData} className="space-y-4 aria-busy:opacity-60">
          {isNarrow ? (
            <DayList days={days} today={today} appointments={appointments} />
          ) : (
            <>
              <CalendarGrid
                days={days}
                view={view}
                chosen={chosen}
                today={today}
                appointments={appointments}
                onChoose={(date) => go({ day: textOf(date) })}
              />
              <DayPanel day={chosen} appointments={appointments.get(textOf(chosen)) ?? []} />
            </>
          )}
          {(cut.length > 0 || asked.data.more) && (
            <Notice>
              {cut.length > 0 && `Of ${cut.join(", ")} only the slots nearest to now are here: there are very many. `}
              {asked.data.more && "There are more schedules than a calendar shows; choose one of them above."}
            </Notice>
          )}
        </div>
      )}
    </>
  );
}

/** 1 is Monday, 7 is Sunday; Monday where the browser does not say. */
const FIRST_DAY = firstDayOfWeek();

function firstDayOfWeek(): number {
  const locale = new Intl.Locale(navigator.language) as Intl.Locale & {
    getWeekInfo?: () => { readonly firstDay: number };
  };
  return locale.getWeekInfo?.().firstDay ?? 1;
}
