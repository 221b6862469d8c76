import { useId } from "react";
import { Field, Input, Select } from "../../ui/field.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Button } from "../../ui/button.tsx";
import { HERE } from "../../ui/zoned-time.tsx";
import { OverlapChoice } from "./overlap-choice.tsx";
import type { Draft, Kind } from "./schedule-draft.ts";
import type { DraftProps } from "./schedule-form.tsx";

const KINDS: Readonly<Record<Kind, readonly [label: string, example: string, hint: string]>> = {
  cron: ["Cron", "30 2 * * 1-5", "Minute, hour, day of the month, month, day of the week; or @hourly, @daily …"],
  every: ["Every", "6h", "Such as 30s, 15m, 6h, 7d; counted from 1970 in UTC."],
  at: ["Once, at", "2026-12-01T09:00", "In the schedule's zone, or with an offset."],
};
const USUAL: readonly (readonly [label: string, cron: string])[] = [
  ["Hourly", "0 * * * *"],
  ["Nightly", "30 2 * * *"],
  ["Weekday mornings", "0 7 * * 1-5"],
  ["Mondays", "0 7 * * 1"],
  ["First of the month", "0 7 1 * *"],
];

/** When it fires, and what happens when that does not go smoothly. */
export function ClockFields({ draft, change, problemAt }: DraftProps) {
  const zones = useId();
  const [, example, hint] = KINDS[draft.kind];
  const text = (
    name: keyof Draft & ("spread" | "window" | "startWithin" | "start" | "end" | "maxRuns" | "pauseAfterFailures"),
    label: string,
    path: string,
    placeholder: string,
    about: string,
  ) => (
    <Field label={label} hint={about} problem={problemAt(path)}>
      {(tie) => (
        <Input
          {...tie}
          placeholder={placeholder}
          value={draft[name]}
          onChange={(event) => change({ [name]: event.target.value })}
        />
      )}
    </Field>
  );
  return (
    <Panel title="When">
      <div className="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
        <Field label="By">
          {(tie) => (
            <Select
              {...tie}
              className="w-full!"
              value={draft.kind}
              onChange={(event) => change({ kind: event.target.value as Kind })}
            >
              {Object.entries(KINDS).map(([kind, [label]]) => (
                <option key={kind} value={kind}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={KINDS[draft.kind][0]} hint={hint} problem={problemAt(draft.kind)}>
          {(tie) => (
            <Input
              {...tie}
              required
              className="font-mono"
              placeholder={example}
              value={draft.when[draft.kind]}
              onChange={(event) => change({ when: { ...draft.when, [draft.kind]: event.target.value } })}
            />
          )}
        </Field>
        {draft.kind === "cron" && (
          <div role="group" aria-label="Usual times" className="flex flex-wrap gap-1 sm:col-span-2">
            {USUAL.map(([label, cron]) => (
              <Button key={cron} look="quiet" onClick={() => change({ when: { ...draft.when, cron } })}>
                {label}
              </Button>
            ))}
          </div>
        )}
        <Field label="Time zone" hint={`UTC where it is empty. You are in ${HERE}.`} problem={problemAt("timezone")}>
          {(tie) => (
            <>
              <Input
                {...tie}
                list={zones}
                placeholder="UTC"
                value={draft.timezone}
                onChange={(event) => change({ timezone: event.target.value })}
              />
              <datalist id={zones}>
                {Intl.supportedValuesOf("timeZone").map((zone) => (
                  <option key={zone} value={zone} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <OverlapChoice value={draft.overlap} onChange={(overlap) => change({ overlap })} own="the default: skip" />
      </div>
      <details className="border-t border-line">
        <summary className="px-4 py-2.5 text-sm text-soft">Outages, summer time and limits</summary>
        <div className="grid grid-cols-1 gap-4 p-4 pt-1 sm:grid-cols-2">
          <Field
            label="Slots that nobody was there for"
            hint="What is made up for after an outage."
            problem={problemAt("catchup.runs")}
          >
            {(tie) => (
              <Select
                {...tie}
                className="w-full!"
                value={draft.runs}
                onChange={(event) => change({ runs: event.target.value as Draft["runs"] })}
              >
                <option value="">the default: latest</option>
                <option value="none">none</option>
                <option value="latest">latest: one job, for the newest</option>
                <option value="all">all: the newest 20</option>
              </Select>
            )}
          </Field>
          {text("window", "How old one may be", "catchup.window", "1h", "0s to 7d; the default is 1h.")}
          {draft.kind === "cron" && (
            <>
              <Field label="A time that summer time takes away">
                {(tie) => (
                  <Select
                    {...tie}
                    className="w-full!"
                    value={draft.gap}
                    onChange={(event) => change({ gap: event.target.value as Draft["gap"] })}
                  >
                    <option value="">the default: run after the gap</option>
                    <option value="run_after">run after the gap</option>
                    <option value="skip">skip</option>
                  </Select>
                )}
              </Field>
              <Field label="A time that comes twice">
                {(tie) => (
                  <Select
                    {...tie}
                    className="w-full!"
                    value={draft.repeat}
                    onChange={(event) => change({ repeat: event.target.value as Draft["repeat"] })}
                  >
                    <option value="">the default: the first</option>
                    <option value="first">the first</option>
                    <option value="both">both</option>
                  </Select>
                )}
              </Field>
            </>
          )}
          {text("spread", "Spread", "spread", "0s", "It is acted on later by a part of this that only its id decides.")}
          {text(
            "startWithin",
            "Begin within",
            "limits.startWithin",
            "",
            "A slot that is acted on later than this is skipped.",
          )}
          {text("start", "Not before", "limits.start", "2026-12-01T09:00", "No slot before this.")}
          {text("end", "Not after", "limits.end", "2027-12-01T09:00", "No slot after this.")}
          {text("maxRuns", "Most runs", "limits.maxRuns", "", "Jobs its clock makes, in all.")}
          {text(
            "pauseAfterFailures",
            "Pause after failures",
            "pauseAfterFailures",
            "",
            "So many failed jobs in a row.",
          )}
        </div>
      </details>
    </Panel>
  );
}
