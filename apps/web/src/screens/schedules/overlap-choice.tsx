import type { ScheduleSpec } from "@hive/protocol";
import { Field, Select } from "../../ui/field.tsx";

export type Overlap = NonNullable<ScheduleSpec["overlap"]>;

const WORDS: Readonly<Record<Overlap, string>> = {
  skip: "makes no job",
  buffer_one: "waits; one slot at most",
  buffer_all: "waits; up to 100 slots",
  allow: "runs beside it",
  cancel_other: "takes its place",
};

/** What a slot does while a job of an earlier one is not over. `own`: what the empty choice says; absent: there is none. */
export function OverlapChoice({
  value,
  onChange,
  own,
}: {
  readonly value: Overlap | "";
  readonly onChange: (value: Overlap | "") => void;
  readonly own?: string;
}) {
  return (
    <Field label="While an earlier job is not over" hint="What a slot does then.">
      {(tie) => (
        <Select
          {...tie}
          className="w-full!"
          value={value}
          onChange={(event) => onChange(event.target.value as Overlap | "")}
        >
          {own !== undefined && <option value="">{own}</option>}
          {Object.entries(WORDS).map(([key, words]) => (
            <option key={key} value={key}>
              {key}: {words}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
