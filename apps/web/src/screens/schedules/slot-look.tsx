/** How a slot is shown: by word, colour and sign; and why it made no job. */
import type { CalendarSlotView, PastSlotView } from "@hive/protocol";
import { StatusBadge } from "../../ui/status.tsx";
import { Tag } from "../../ui/tag.tsx";
import { exactTime } from "../../ui/time.tsx";

type Reason = NonNullable<PastSlotView["reason"]>;

const WHY: Readonly<Record<Reason, string>> = {
  overlap: "a job of an earlier slot was not over",
  missed: "nobody was there in time",
  too_late: "it was too late to begin",
  paused: "the schedule was paused",
  dst_gap: "summer time takes this time away",
  dst_repeat: "summer time brings this time twice",
  limit: "the schedule made all the jobs it may make",
  buffer_full: "as many slots wait as may",
  refused: "the job was not accepted",
  removed: "the schedule was removed",
};

/** What is known of a slot, whichever endpoint told it. */
export type Slot = Omit<CalendarSlotView, "state"> & { readonly state: CalendarSlotView["state"] };

export function asSlot({ slot, outcome, reason, message, jobId, jobStatus }: PastSlotView): Slot {
  return { slot, state: outcome, reason, message, jobId, jobStatus };
}

/** Why it made no job, or will make none, in words; null: it did or will. */
export function whyNone({ reason, message }: Pick<Slot, "reason" | "message">): string | null {
  if (reason === null) return message;
  return message === null ? WHY[reason] : `${WHY[reason]}: ${message}`;
}

/** One word for what became of it. */
export function slotWord({ state, reason, jobStatus }: Pick<Slot, "state" | "reason" | "jobStatus">): string {
  if (state === "job") return jobStatus ?? "made a job";
  if (state === "buffered") return "waits";
  if (state === "skipped") return "skipped";
  return reason === null ? "to come" : "will be skipped";
}

export function SlotBadge({ slot }: { readonly slot: Slot }) {
  if (slot.state === "job" && slot.jobStatus !== null) return <StatusBadge status={slot.jobStatus} />;
  const tone = slot.state === "skipped" ? "warn" : slot.state === "coming" ? "info" : "plain";
  return <Tag tone={tone}>{slotWord(slot)}</Tag>;
}

/** The colour of a mark, and whether it is filled: what made no job is hollow. */
function markOf({ state, jobStatus }: Slot): string {
  if (state === "skipped") return "border-warn";
  if (state === "coming") return "border-info";
  if (state === "buffered") return "border-strong";
  if (jobStatus === "succeeded") return "border-good bg-good";
  if (jobStatus === "failed") return "border-bad bg-bad";
  if (jobStatus === "running") return "border-honey bg-honey";
  return jobStatus === null || jobStatus === "canceled" ? "border-strong bg-strong" : "border-info bg-info";
}

function isBad({ jobStatus }: Slot): boolean {
  return jobStatus === "failed";
}

/** What failed stands out for whoever sees no colours, too. */
function heightOf(slot: Slot): string {
  if (isBad(slot)) return "h-6";
  return slot.jobStatus === "succeeded" ? "h-3.5" : "h-4.5";
}

/** A mark of one slot, for many of them beside each other; what it means stands elsewhere. */
export function SlotMark({ slot, tall = false }: { readonly slot: Slot; readonly tall?: boolean }) {
  return (
    <span
      aria-hidden
      title={`${exactTime(slot.slot)}: ${slotWord(slot)}`}
      className={`inline-block shrink-0 border-2 ${tall ? `w-2 rounded-xs ${heightOf(slot)}` : `size-2.5 ${isBad(slot) ? "" : "rounded-full"}`} ${markOf(slot)}`}
    />
  );
}

/** Such as "2 succeeded, 1 skipped". */
export function countWords(slots: readonly Slot[]): string {
  const counts = Map.groupBy(slots, slotWord);
  return [...counts].map(([word, { length }]) => `${length} ${word}`).join(", ");
}

/** The latest slots, the newest to the right. */
export function SmallHistory({ recent }: { readonly recent: readonly PastSlotView[] }) {
  if (recent.length === 0) return <span className="text-sm text-soft">never yet</span>;
  const slots = recent.map(asSlot).toReversed();
  return (
    <span
      role="img"
      aria-label={`The last ${slots.length}: ${countWords(slots)}`}
      className="inline-flex items-end gap-0.5"
    >
      {slots.map((slot) => (
        <SlotMark key={slot.slot} slot={slot} tall />
      ))}
    </span>
  );
}
