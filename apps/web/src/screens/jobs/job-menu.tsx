import { Menu } from "@base-ui/react/menu";
import type { JobSummary } from "@hive/protocol";
import { useNavigate } from "@tanstack/react-router";
import { type Action, actionsFor } from "./job-actions.ts";

export interface JobMenuProps {
  /** Null: it is closed. */
  readonly at: { readonly job: JobSummary; readonly anchor: HTMLElement } | null;
  readonly onClose: () => void;
  readonly onAct: (action: Action, job: JobSummary) => void;
}

const ITEM =
  "block cursor-pointer px-3 py-1.5 text-sm text-ink no-underline outline-none data-highlighted:bg-raised pointer-coarse:py-2.5";

/** What can be done with one job of the list; one menu for all rows. */
export function JobMenu({ at, onClose, onAct }: JobMenuProps) {
  const navigate = useNavigate();
  return (
    <Menu.Root open={at !== null} onOpenChange={(open) => (open ? undefined : onClose())}>
      {at !== null && (
        <Menu.Portal container={document.querySelector<HTMLElement>("#screen")}>
          <Menu.Positioner anchor={at.anchor} align="end" sideOffset={2} className="z-40">
            <Menu.Popup
              finalFocus={() => at.anchor}
              aria-label={`Actions for ${at.job.jobId}`}
              className="min-w-44 rounded-md border border-line bg-panel py-1 shadow-lg outline-none"
            >
              <Menu.Item
                className={ITEM}
                onClick={() => void navigate({ to: "/jobs/$jobId", params: { jobId: at.job.jobId } })}
              >
                Open
              </Menu.Item>
              {actionsFor(at.job).map(({ action, verb, hurts }) => (
                <Menu.Item
                  key={action}
                  className={`${ITEM} ${hurts ? "text-bad!" : ""}`}
                  onClick={() => onAct(action, at.job)}
                >
                  {verb}
                </Menu.Item>
              ))}
              <Menu.Item className={ITEM} onClick={() => void navigate({ to: "/new", search: { from: at.job.jobId } })}>
                Duplicate
              </Menu.Item>
              <Menu.Item className={ITEM} onClick={() => void navigate({ to: "/jobs", search: { repo: at.job.repo } })}>
                Jobs of this repository
              </Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      )}
    </Menu.Root>
  );
}
