import { Link } from "@tanstack/react-router";
import { Panel } from "../../ui/panel.tsx";
import { exactTime } from "../../ui/time.tsx";
import { wallTime } from "../../ui/zoned-time.tsx";
import { type Appointment, linesOf, textOf } from "./calendar-days.ts";
import { countWords, SlotBadge, whyNone } from "./slot-look.tsx";

const whole = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Slots of one schedule in one day that are listed one by one. */
const OWN = 12;

/** All of one day. */
export function DayPanel({ day, appointments }: { readonly day: Date; readonly appointments: readonly Appointment[] }) {
  return (
    <Panel title={whole.format(day)}>
      {appointments.length === 0 ? (
        <p className="px-4 py-3 text-sm text-soft">Nothing on this day.</p>
      ) : (
        <Appointments appointments={appointments} />
      )}
    </Panel>
  );
}

/** The days below each other, for a phone; those without anything are left out. */
export function DayList({
  days,
  today,
  appointments,
}: {
  readonly days: readonly Date[];
  readonly today: string;
  readonly appointments: ReadonlyMap<string, readonly Appointment[]>;
}) {
  const busy = days.filter((day) => textOf(day) === today || appointments.has(textOf(day)));
  if (busy.length === 0) return <p className="p-4 text-sm text-soft">Nothing in this time.</p>;
  return busy.map((day) => (
    <Panel key={textOf(day)} title={`${whole.format(day)}${textOf(day) === today ? ", today" : ""}`}>
      {appointments.has(textOf(day)) ? (
        <Appointments appointments={appointments.get(textOf(day)) ?? []} />
      ) : (
        <p className="px-4 py-3 text-sm text-soft">Nothing.</p>
      )}
    </Panel>
  ));
}

function Appointments({ appointments }: { readonly appointments: readonly Appointment[] }) {
  return (
    <ul className="divide-y divide-line text-sm">
      {linesOf(appointments, OWN).map((line) => {
        const id = line.kind === "one" ? line.appointment.schedule : line.schedule;
        const link = (
          <Link to="/schedules/$scheduleId" params={{ scheduleId: id }} search={{}} className="outside-text">
            {id}
          </Link>
        );
        if (line.kind === "many") {
          return (
            <li key={id} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 px-4 py-2">
              <span className="tabular text-soft">{line.slots.length} slots</span>
              {link}
              <span className="text-soft">{countWords(line.slots)}</span>
            </li>
          );
        }
        const { slot, timezone } = line.appointment;
        const why = whyNone(slot);
        const there = wallTime(slot.slot, timezone);
        return (
          <li key={`${id} ${slot.slot}`} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2">
            <time dateTime={new Date(slot.slot).toISOString()} title={exactTime(slot.slot)} className="tabular">
              {clock.format(slot.slot)}
            </time>
            {link}
            <SlotBadge slot={slot} />
            {slot.jobId !== null && (
              <Link to="/jobs/$jobId" params={{ jobId: slot.jobId }} className="outside-text min-w-0">
                {slot.jobId}
              </Link>
            )}
            {why !== null && <span className="outside-text text-soft">{why}</span>}
            {there !== wallTime(slot.slot) && (
              <span className="text-xs text-soft">
                {there} in {timezone}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
