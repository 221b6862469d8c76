import { useState } from "react";
import { useAction, useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { number } from "../../ui/facts.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { Tag } from "../../ui/tag.tsx";
import { HERE, ZonedTime } from "../../ui/zoned-time.tsx";
import { type Overlap, OverlapChoice } from "./overlap-choice.tsx";

const HOUR_MS = 3_600_000;
/** Slots that are listed of those a backfill would take. */
const SHOWN = 60;
const SPANS: readonly (readonly [label: string, hours: number])[] = [
  ["Last day", 24],
  ["Last 3 days", 72],
  ["Last week", 168],
];

/** Makes the jobs of past slots that have none, after showing which those are. */
export function Backfill(props: { readonly scheduleId: string; readonly open: boolean; readonly onClose: () => void }) {
  return props.open ? <BackfillDialog {...props} /> : null;
}

function BackfillDialog({ scheduleId, onClose }: { readonly scheduleId: string; readonly onClose: () => void }) {
  const [begun] = useState(() => Date.now());
  const [from, setFrom] = useState(() => localInput(begun - 24 * HOUR_MS));
  const [to, setTo] = useState(() => localInput(begun));
  const [overlap, setOverlap] = useState<Overlap | "">("allow");
  const span = spanOf(from, to);
  const params = { scheduleId };
  const preview = useApi(
    "previewBackfill",
    { params, query: span ?? { from: "", to: "" } },
    { enabled: span !== null, keep: true },
  );
  const missing = preview.data?.slots.filter(({ outcome }) => outcome !== "job").length ?? 0;
  const backfill = useAction("backfillSchedule", {
    touches: ["listSchedules", "getSchedule", "listSlots", "scheduleCalendar", "previewBackfill", "listJobs"],
    onDone: ({ records }) => {
      const made = records.filter(({ outcome }) => outcome === "job").length;
      const waiting = records.filter(({ outcome }) => outcome === "buffered").length;
      const skipped = records.length - made - waiting;
      tell(
        `${number(made)} of ${number(records.length)} slots have a job` +
          (waiting > 0 ? `, ${number(waiting)} wait` : "") +
          (skipped > 0 ? `, ${number(skipped)} were skipped` : ""),
      );
      onClose();
    },
  });
  const isReady = span !== null && missing > 0 && !preview.isPlaceholderData && preview.data?.more === false;
  return (
    <Modal
      open
      wide
      onClose={onClose}
      title={`Backfill ${scheduleId}`}
      about={`Makes the jobs of past slots that have none. Times are those of ${HERE}.`}
      actions={
        <>
          <Button
            look="main"
            busy={backfill.isPending}
            disabled={!isReady}
            onClick={() => {
              if (span !== null)
                backfill.mutate(
                  { params, body: { ...span, overlap: overlap === "" ? "allow" : overlap } },
                  { onError: tellError },
                );
            }}
          >
            {missing === 0 ? "No job to make" : `Make ${number(missing)} ${missing === 1 ? "job" : "jobs"}`}
          </Button>
          <Button onClick={onClose}>Leave it</Button>
        </>
      }
    >
      <div className="grid grid-cols-1 gap-3 sm:grid-cols-2">
        <Field label="From">
          {(tie) => (
            <Input {...tie} type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />
          )}
        </Field>
        <Field label="To" problem={span === null ? "must be a time after the first, and not in the future" : undefined}>
          {(tie) => <Input {...tie} type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} />}
        </Field>
        <div role="group" aria-label="Usual spans" className="flex flex-wrap gap-1">
          {SPANS.map(([label, hours]) => (
            <Button
              key={label}
              look="quiet"
              onClick={() => {
                setFrom(localInput(begun - hours * HOUR_MS));
                setTo(localInput(begun));
              }}
            >
              {label}
            </Button>
          ))}
        </div>
        <OverlapChoice value={overlap} onChange={setOverlap} />
      </div>
      <section aria-label="Slots it would take" className="mt-3 rounded-md border border-line">
        {preview.error !== null && <Trouble error={preview.error} />}
        {preview.data === undefined && preview.error === null && <Loading rows={4} />}
        {preview.data !== undefined && (
          <>
            <p role="status" className="px-3 py-2 text-sm">
              {preview.data.more
                ? `These are more than ${number(preview.data.slots.length)} slots. Take a shorter time.`
                : `${number(preview.data.slots.length)} slots, ${number(missing)} of them without a job.`}
            </p>
            <ul className="divide-y divide-line border-t border-line text-sm">
              {preview.data.slots.slice(0, SHOWN).map(({ slot, outcome }) => (
                <li key={slot} className="flex flex-wrap items-center justify-between gap-2 px-3 py-1.5">
                  <ZonedTime at={slot} zone={preview.data.timezone} />
                  <Tag tone={outcome === "job" ? "plain" : "info"}>
                    {outcome === "job"
                      ? "has its job"
                      : outcome === null
                        ? "makes a job"
                        : `was ${outcome}, makes a job`}
                  </Tag>
                </li>
              ))}
            </ul>
            {preview.data.slots.length > SHOWN && (
              <p className="border-t border-line px-3 py-1.5 text-sm text-soft">
                and {number(preview.data.slots.length - SHOWN)} more
              </p>
            )}
          </>
        )}
      </section>
    </Modal>
  );
}

/** What the two inputs say; null: nothing the server would take. */
function spanOf(from: string, to: string): { readonly from: string; readonly to: string } | null {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  if (!(first <= last) || last > Date.now()) return null;
  return { from: new Date(first).toISOString(), to: new Date(last).toISOString() };
}

/** An instant as an input of this browser's zone has it, to the minute. */
function localInput(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
