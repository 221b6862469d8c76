import type { JobDetail } from "@hive/protocol";
import { useNavigate } from "@tanstack/react-router";
import { Ban, Check, CopyPlus, RotateCcw, X } from "lucide-react";
import { useState } from "react";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/button.tsx";
import { type Decision, decisionsOf, isOver } from "./decisions.ts";
import { DecisionDialog } from "./decision-dialog.tsx";

const LOOKS = {
  approve: { verb: "Approve", key: "a", icon: Check, look: "main" },
  reject: { verb: "Reject", key: "x", icon: X, look: "danger" },
  cancel: { verb: "Cancel job", key: "c", icon: Ban, look: "danger" },
  retry: { verb: "Retry", key: "r", icon: RotateCcw, look: "plain" },
} as const;

/** What a decision was asked about: the bundle that was there when it was, not one that came while the dialog is open. */
interface Asked {
  readonly decision: Decision;
  readonly sha256: string | null;
}

/** The buttons for what fits the job's state, with their keys. */
export function JobActions({ job }: { readonly job: JobDetail }) {
  const navigate = useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const decisions = decisionsOf(job);
  const ask = (decision: Decision): void => setAsked({ decision, sha256: job.bundle?.sha256 ?? null });
  const copy = (): void => void navigate({ to: "/new", search: { from: job.jobId } });

  const waitsForChoice = job.status === "held" && job.reason === "choice";
  const choose = (): void =>
    void navigate({ to: "/jobs/$jobId", params: { jobId: job.jobId }, search: { tab: "candidates" } });

  useKeys([
    ...(waitsForChoice ? [{ keys: "a", about: "Choose a candidate", run: choose }] : []),
    ...decisions.map((decision) => ({
      keys: LOOKS[decision].key,
      about: LOOKS[decision].verb,
      run: () => ask(decision),
    })),
    { keys: "e", about: isOver(job) ? "Edit and run again" : "Duplicate", run: copy },
  ]);

  return (
    <div className="flex flex-wrap items-center gap-2">
      {waitsForChoice && (
        <Button look="main" aria-keyshortcuts="a" title="Choose a candidate (a)" onClick={choose}>
          Choose a candidate
        </Button>
      )}
      {decisions.map((decision) => {
        const { verb, key, icon: Icon, look } = LOOKS[decision];
        return (
          <Button
            key={decision}
            look={look}
            aria-keyshortcuts={key}
            title={`${verb} (${key})`}
            icon={<Icon aria-hidden size={15} />}
            onClick={() => ask(decision)}
          >
            {verb}
          </Button>
        );
      })}
      <Button
        aria-keyshortcuts="e"
        title="A new job like this one (e)"
        icon={<CopyPlus aria-hidden size={15} />}
        onClick={copy}
      >
        {isOver(job) ? "Edit and run again" : "Duplicate"}
      </Button>
      {asked !== null && (
        <DecisionDialog job={job} decision={asked.decision} sha256={asked.sha256} onClose={() => setAsked(null)} />
      )}
    </div>
  );
}
