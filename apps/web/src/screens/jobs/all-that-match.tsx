import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { type Action, ACTIONS } from "./job-actions.ts";
import type { JobFilter } from "./jobs-search.ts";

/** Something done to every job that the filter finds, whether its row was scrolled to or not. */
export function AllThatMatch({
  filter,
  onAct,
}: {
  readonly filter: JobFilter;
  readonly onAct: (action: Action) => void;
}) {
  const [choosing, setChoosing] = useState(false);
  const { status } = filter;
  const fitting = ACTIONS.filter(({ fits }) => status === undefined || fits.includes(status));
  if (fitting.length === 0) return null;
  return (
    <>
      <Button onClick={() => setChoosing(true)}>All that match…</Button>
      <Modal
        open={choosing}
        onClose={() => setChoosing(false)}
        title="All that match"
        about="They are counted first. Nothing is done before you confirm the count."
      >
        <ul className="space-y-2 py-1">
          {fitting.map(({ action, verb, about, hurts }) => (
            <li key={action} className="flex items-center gap-3">
              <Button
                look={hurts ? "danger" : "plain"}
                className="w-24 shrink-0"
                onClick={() => {
                  setChoosing(false);
                  onAct(action);
                }}
              >
                {verb}
              </Button>
              <span className="text-sm text-soft">{about}</span>
            </li>
          ))}
        </ul>
      </Modal>
    </>
  );
}
