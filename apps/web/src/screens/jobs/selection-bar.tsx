import type { JobSummary } from "@hive/protocol";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { type Action, ACTIONS, actionsFor } from "./job-actions.ts";

export interface SelectionBarProps {
  readonly selected: readonly JobSummary[];
  readonly onAct: (action: Action, jobIds: readonly string[]) => void;
  readonly onClear: () => void;
}

/** What can be done with the selected jobs, as far as it fits them. It lies over the end of the list and moves nothing. */
export function SelectionBar({ selected, onAct, onClear }: SelectionBarProps) {
  if (selected.length === 0) return null;
  return (
    <div
      role="group"
      aria-label="Selected jobs"
      className="fixed inset-x-2 bottom-18 z-30 mx-auto flex w-fit flex-wrap items-center justify-center gap-2 rounded-lg border border-strong bg-panel px-3 py-2 text-sm shadow-xl md:bottom-4 md:left-52"
    >
      <span className="tabular font-medium">{number(selected.length)} selected</span>
      {ACTIONS.map(({ action, verb, hurts }) => {
        const fitting = selected.filter((job) => actionsFor(job).some((each) => each.action === action));
        if (fitting.length === 0) return null;
        const jobIds = fitting.map(({ jobId }) => jobId);
        return (
          <Button key={action} look={hurts ? "danger" : "plain"} onClick={() => onAct(action, jobIds)}>
            {verb} {number(fitting.length)}
          </Button>
        );
      })}
      <Button look="quiet" onClick={onClear}>
        Select none
      </Button>
    </div>
  );
}
