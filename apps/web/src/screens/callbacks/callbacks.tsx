import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { usePages } from "../../api/use-pages.ts";
import { Button } from "../../ui/button.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { More } from "../../ui/more.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Parts } from "../../ui/parts.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { CallbackRow } from "./callback-row.tsx";
import type { CallbackView, State } from "./callback-search.ts";
import { NoCallbacks } from "./no-callbacks.tsx";
import { RedeliverAll } from "./redeliver-all.tsx";

/** A delivery that was answered has no event. */
const LOOK_MS = 4_000;
const STATES: readonly { readonly id: State | "all"; readonly label: string }[] = [
  { id: "all", label: "All" },
  { id: "pending", label: "Pending" },
  { id: "delivered", label: "Delivered" },
  { id: "dead", label: "Dead" },
];

/** What the backend was told, and what it was not. */
export function CallbacksScreen() {
  const navigate = useNavigate();
  const { state, jobId } = useSearch({ from: "/callbacks" });
  const [asked, setAsked] = useState(jobId ?? "");
  const query = {
    limit: 50,
    ...(jobId === undefined ? {} : { jobId }),
    ...(state === undefined || jobId !== undefined ? {} : { state }),
  };
  const list = usePages("listCallbacks", { query }, { everyMs: LOOK_MS });
  const all: readonly CallbackView[] | undefined = list.pages?.flatMap((page) => page.callbacks);
  // The server lists by one of the two; of one job there are few.
  const shown = jobId === undefined || state === undefined ? all : all?.filter((each) => each.state === state);
  const dead = shown?.filter((each) => each.state === "dead") ?? [];
  const of = (job: string): void =>
    void navigate({
      to: "/callbacks",
      search: { ...(state === undefined ? {} : { state }), ...(job === "" ? {} : { jobId: job }) },
    });

  return (
    <>
      <ScreenHead
        title="Callbacks"
        about="What your backend was told, newest first. A callback is tried ten times in three days; then it is dead."
        actions={<RedeliverAll dead={dead} />}
      />
      <div className="flex flex-wrap items-end justify-between gap-3">
        <Parts label="By state" name="state" parts={STATES} shown={state ?? "all"} />
        <form
          className="mb-3 flex items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            of(asked.trim());
          }}
        >
          <Field label="Of one job">
            {(tie) => (
              <Input {...tie} placeholder="job id" value={asked} onChange={(event) => setAsked(event.target.value)} />
            )}
          </Field>
          <Button type="submit">Show</Button>
          {jobId !== undefined && (
            <Button
              look="quiet"
              onClick={() => {
                setAsked("");
                of("");
              }}
            >
              Of all
            </Button>
          )}
        </form>
      </div>
      <Panel>
        {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
        {list.isPending && <Loading rows={8} />}
        {shown?.length === 0 && <NoCallbacks state={state} jobId={jobId} />}
        {shown !== undefined && shown.length > 0 && (
          <ul className="divide-y divide-line">
            {shown.map((callback) => (
              <CallbackRow key={callback.id} callback={callback} />
            ))}
          </ul>
        )}
        <More list={list} label="Older" />
      </Panel>
    </>
  );
}
