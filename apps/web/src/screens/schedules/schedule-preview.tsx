import type { SchedulePreview, ScheduleSpec } from "@hive/protocol";
import { useEffect, useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { Loading, Trouble } from "../../ui/states.tsx";
import { wallTime, ZonedTime } from "../../ui/zoned-time.tsx";
import { Tag } from "../../ui/tag.tsx";
import { whyNone } from "./slot-look.tsx";

/** Milliseconds without a key before the server is asked. */
const REST_MS = 300;
/** In the place of a job that is not written yet: only the clock is asked about. */
const ANY_JOB = { repo: "https://git.example/any.git", task: "test" } as const;

/** The next slots of a schedule, each on the viewer's clock and on its own. */
export function ComingSlots({ preview: { slots, timezone } }: { readonly preview: SchedulePreview }) {
  if (slots.length === 0) return <p className="px-4 py-3 text-sm text-soft">Nothing more comes.</p>;
  return (
    <ol className="divide-y divide-line text-sm">
      {slots.map(({ slot, dueAt, skip }) => (
        <li key={slot} className="flex flex-wrap items-center justify-between gap-2 px-4 py-2">
          <ZonedTime at={slot} zone={timezone} />
          {dueAt !== slot && <span className="text-xs text-soft">spread: acted on {wallTime(dueAt)}</span>}
          {skip !== null && <Tag tone="warn">no job: {whyNone({ reason: skip, message: null })}</Tag>}
        </li>
      ))}
    </ol>
  );
}

/** What settings would mean that nobody has put yet, while they are typed. Null: they cannot be read yet. */
export function DraftPreview({ spec }: { readonly spec: ScheduleSpec | null }) {
  const said = useRested(spec === null ? null : JSON.stringify(asked(spec)));
  const preview = useApi(
    "previewSpec",
    { query: { count: 5 }, body: JSON.parse(said ?? "{}") as ScheduleSpec },
    { enabled: said !== null, keep: true },
  );
  if (spec === null)
    return <p className="px-4 py-3 text-sm text-soft">The next times stand here once it can be read.</p>;
  if (preview.error !== null) return <Trouble error={preview.error} />;
  if (preview.data === undefined) return <Loading rows={5} />;
  return (
    <div aria-busy={preview.isPlaceholderData} className="aria-busy:opacity-60">
      {preview.data.words !== null && <p className="outside-text px-4 pt-3 text-sm">{preview.data.words}</p>}
      <ComingSlots preview={preview.data} />
    </div>
  );
}

function asked(spec: ScheduleSpec): ScheduleSpec {
  const { repo, instructions, script, changes } = spec.job;
  const isWritten = repo !== undefined && [instructions, script, changes].some((each) => each !== undefined);
  return isWritten ? spec : { ...spec, job: ANY_JOB };
}

/** The value once it has been the same for a moment. */
function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
