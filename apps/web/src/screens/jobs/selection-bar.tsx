import type { JobSummary } from "@hive/protocol";
import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { number } from "../../ui/facts.tsx";
import type { Target } from "./act-on-many.ts";
import { type Action, ACTIONS, actionsFor } from "./job-actions.ts";
import type { JobFilter } from "./jobs-search.ts";

export interface SelectionBarProps {
  readonly selected: readonly JobSummary[];
  readonly filter: JobFilter;
  /** The filter finds nothing. */
  readonly isEmpty: boolean;
  readonly onAct: (action: Action, target: Target) => void;
  readonly onClear: () => void;
}

/** Many jobs at once: the selected ones, or all that the filter finds. */
export function SelectionBar({ selected, filter, isEmpty, onAct, onClear }: SelectionBarProps) {
  const [choosing, setChoosing] = useState(false);
  const { status } = filter;
  const ofFilter = ACTIONS.filter(({ fits }) => status === undefined || fits.includes(status));
  return (
    <div className="mb-2 flex min-h-8 flex-wrap items-center gap-2 text-sm">
      {selected.length > 0 && (
        <div role="group" aria-label="Selected jobs" className="flex flex-wrap items-center gap-2">
          <span className="tabular font-medium">{number(selected.length)} selected</span>
          {ACTIONS.map(({ action, verb, hurts }) => {
            const fitting = selected.filter((job) => actionsFor(job).some((each) => each.action === action));
            if (fitting.length === 0) return null;
            const target: Target = { kind: "jobs", jobIds: fitting.map(({ jobId }) => jobId) };
            return (
              <Button key={action} look={hurts ? "danger" : "plain"} onClick={() => onAct(action, target)}>
                {verb} {number(fitting.length)}
              </Button>
            );
          })}
          <Button look="quiet" onClick={onClear}>
            Select none
          </Button>
        </div>
      )}
      {!isEmpty && ofFilter.length > 0 && (
        <Button look="quiet" className="ml-auto" onClick={() => setChoosing(true)}>
          All that match…
        </Button>
      )}
      <Modal
        open={choosing}
        onClose={() => setChoosing(false)}
        title="All that match"
        about="Counted first, and nothing is done before you confirm the count."
      >
        <div className="flex flex-col gap-2 py-1">
          {ofFilter.map(({ action, verb, about, hurts }) => (
            <div key={action} className="flex items-center gap-3">
              <Button
                look={hurts ? "danger" : "plain"}
                className="w-24 shrink-0"
                onClick={() => {
                  setChoosing(false);
                  onAct(action, { kind: "filter", filter });
                }}
              >
                {verb}
              </Button>
              <p className="text-sm text-soft">{about}</p>
            </div>
          ))}
        </div>
      </Modal>
    </div>
  );
}
