import { Link } from "@tanstack/react-router";
import { usePages } from "../../api/use-pages.ts";
import { More } from "../../ui/more.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { ZonedTime } from "../../ui/zoned-time.tsx";
import { asSlot, SlotBadge, whyNone } from "./slot-look.tsx";

/** What became of the slots of a schedule, the newest first. */
export function SlotHistory({ scheduleId, zone }: { readonly scheduleId: string; readonly zone: string }) {
  const list = usePages("listSlots", { params: { scheduleId }, query: { limit: 30 } });
  const slots = list.pages?.flatMap((page) => page.slots);
  return (
    <Panel title="History">
      {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
      {list.isPending && <Loading rows={6} />}
      {slots?.length === 0 && (
        <Empty title="No slot is over yet" command={`npm run hive -- schedules trigger ${scheduleId}`}>
          Each slot has a line here once it is over: its job, or why there is none. Make one now with Trigger.
        </Empty>
      )}
      {slots !== undefined && slots.length > 0 && (
        <ul className="divide-y divide-line">
          {slots.map((record) => {
            const slot = asSlot(record);
            const why = whyNone(slot);
            return (
              <li
                key={slot.slot}
                className="grid grid-cols-1 gap-x-4 gap-y-1 px-4 py-2.5 text-sm sm:grid-cols-[18rem_7.5rem_minmax(0,1fr)]"
              >
                <ZonedTime at={slot.slot} zone={zone} />
                <span>
                  <SlotBadge slot={slot} />
                </span>
                <span className="outside-text min-w-0">
                  {slot.jobId !== null && (
                    <Link to="/jobs/$jobId" params={{ jobId: slot.jobId }} className="underline">
                      {slot.jobId}
                    </Link>
                  )}
                  {slot.jobId !== null && slot.jobStatus === null && (
                    <span className="text-soft"> (not kept any more)</span>
                  )}
                  {why !== null && <span className="text-soft">{why}</span>}
                  {record.by !== "clock" && <span className="block text-xs text-soft">{askedBy(record.by)}</span>}
                </span>
              </li>
            );
          })}
        </ul>
      )}
      <More list={list} label="Older" />
    </Panel>
  );
}

/** `trigger:api` in words. */
function askedBy(by: string): string {
  const [how = by, who = ""] = by.split(":", 2);
  const words = how === "trigger" ? "triggered" : how === "backfill" ? "backfilled" : how;
  return who === "" ? words : `${words} by ${who}`;
}
