import type { ScheduleView } from "@hive/protocol";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Trouble } from "../../ui/states.tsx";
import { tell } from "../../ui/toast.tsx";
import { ClockFields } from "./clock-fields.tsx";
import { JobFields } from "./schedule-job-fields.tsx";
import { type Draft, draftOf, meaningOf, NEW_DRAFT } from "./schedule-draft.ts";
import { DraftPreview } from "./schedule-preview.tsx";
import { specOf } from "./schedule-spec.ts";
import { usePutSchedule } from "./put-schedule.ts";

/** What the parts of the form share. */
export interface DraftProps {
  readonly draft: Draft;
  readonly change: (some: Partial<Draft>) => void;
  /** What is wrong with the value at a place of the settings. */
  readonly problemAt: (path: string) => string | undefined;
}

/** Makes a schedule, or changes one; while it is typed, the server says when it would fire. */
export function ScheduleForm({ known }: { readonly known?: ScheduleView }) {
  const navigate = useNavigate();
  const [id, setId] = useState(known?.id ?? "");
  const [draft, setDraft] = useState<Draft>(() => (known === undefined ? NEW_DRAFT : draftOf(specOf(known))));
  /** The revision the person has seen; 0: none is there. */
  const [revision, setRevision] = useState(known?.revision ?? 0);
  const meaning = meaningOf(draft);
  const open = (scheduleId: string): void =>
    void navigate({ to: "/schedules/$scheduleId", params: { scheduleId }, search: {} });
  const put = usePutSchedule((schedule) => {
    tell(known === undefined ? `Made ${schedule.id}` : `Changed ${schedule.id}`);
    open(schedule.id);
  });
  const refused = put.error instanceof ApiError ? put.error.fields : [];
  const problems = meaning.ok ? refused : meaning.problems;
  const problemAt = (path: string): string | undefined => problems.find((each) => each.path === path)?.message;
  const isStale = put.error instanceof ApiError && put.error.code === "stale_schedule" && known !== undefined;

  function save(event?: FormEvent): void {
    event?.preventDefault();
    if (meaning.ok) put.mutate({ id, spec: meaning.spec, revision });
  }

  return (
    <form onSubmit={save}>
      <ScreenHead
        title={known === undefined ? "New schedule" : `Change ${known.id}`}
        about="The same settings can stand in hive.yaml under schedules."
        actions={
          <>
            <Button look="main" type="submit" busy={put.isPending} disabled={!meaning.ok}>
              {known === undefined ? "Make the schedule" : "Save the changes"}
            </Button>
            <Button
              onClick={() => (known === undefined ? void navigate({ to: "/schedules", search: {} }) : open(known.id))}
            >
              Leave it
            </Button>
          </>
        }
      />
      {put.error !== null && <Trouble error={put.error} />}
      {isStale && (
        <p className="mb-3 flex flex-wrap items-center gap-2 text-sm">
          Somebody changed it since you began.
          <Button
            onClick={() => {
              setDraft(draftOf(specOf(known)));
              setRevision(known.revision);
              put.reset();
            }}
          >
            Show theirs
          </Button>
          <Button
            look="danger"
            onClick={() => {
              setRevision(known.revision);
              if (meaning.ok) put.mutate({ id, spec: meaning.spec, revision: known.revision });
            }}
          >
            Put mine over it
          </Button>
        </p>
      )}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="space-y-4">
          {known === undefined && (
            <Panel title="Name">
              <div className="p-4">
                <Field
                  label="Id"
                  hint="a-z, 0-9 and -; its jobs are called after it, such as nightly.20261123T013000Z"
                  problem={problemAt("scheduleId")}
                >
                  {(tie) => (
                    <Input
                      {...tie}
                      required
                      autoFocus
                      maxLength={48}
                      pattern="[a-z0-9][a-z0-9\-]{0,47}"
                      placeholder="nightly"
                      value={id}
                      onChange={(event) => setId(event.target.value)}
                    />
                  )}
                </Field>
              </div>
            </Panel>
          )}
          <ClockFields draft={draft} change={(some) => setDraft({ ...draft, ...some })} problemAt={problemAt} />
          <JobFields draft={draft} change={(some) => setDraft({ ...draft, ...some })} problemAt={problemAt} />
        </div>
        <Panel title="The next times" className="lg:sticky lg:top-4">
          <DraftPreview spec={meaning.ok ? meaning.spec : null} />
        </Panel>
      </div>
    </form>
  );
}
