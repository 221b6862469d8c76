import type { JobDetail } from "@hive/protocol";
import { type ReactNode, useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { Confirm } from "../../ui/dialog.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { Trouble } from "../../ui/states.tsx";
import { tell } from "../../ui/toast.tsx";
import type { Decision } from "./decisions.ts";

export interface DecisionDialogProps {
  readonly job: JobDetail;
  readonly decision: Decision;
  /** The bundle that was looked at; only that one may be published. */
  readonly sha256: string | null;
  readonly onClose: () => void;
}

const TITLES: Readonly<Record<Decision, string>> = {
  approve: "Approve this job?",
  reject: "Reject this job?",
  cancel: "Cancel this job?",
  retry: "Try this job again?",
};
const VERBS: Readonly<Record<Decision, string>> = {
  approve: "Approve",
  reject: "Reject",
  cancel: "Cancel the job",
  retry: "Retry",
};
const DONE: Readonly<Record<Decision, string>> = {
  approve: "Approved",
  reject: "Rejected",
  cancel: "Canceled, or about to be",
  retry: "It is tried again",
};

/** Says what a decision will do, takes the reason where one is kept, and does it once. */
export function DecisionDialog({ job, decision, sha256, onClose }: DecisionDialogProps) {
  const [why, setWhy] = useState("");
  const { jobId, reason } = job;
  const onDone = (): void => {
    tell(`${DONE[decision]}: ${jobId}`);
    onClose();
  };
  const touching = { touches: ["getJob", "listJobs"] as const, onDone };
  const approve = useAction("approveJob", touching);
  const reject = useAction("rejectJob", touching);
  const cancel = useAction("cancelJob", touching);
  const retry = useAction("retryJob", touching);
  const { isPending, error } = { approve, reject, cancel, retry }[decision];

  function decide(): void {
    const params = { jobId };
    const because = why.trim() === "" ? {} : { body: { reason: why.trim() } };
    switch (decision) {
      case "approve":
        return approve.mutate({ params, ...(reason === "publish" && sha256 !== null ? { body: { sha256 } } : {}) });
      case "reject":
        return reject.mutate({ params, ...because });
      case "cancel":
        return cancel.mutate({ params, ...because });
      case "retry":
        return retry.mutate({ params });
    }
  }

  return (
    <Confirm
      open
      onClose={onClose}
      title={TITLES[decision]}
      about={<About job={job} decision={decision} sha256={sha256} />}
      verb={VERBS[decision]}
      danger={decision === "cancel" || decision === "reject"}
      busy={isPending}
      onConfirm={decide}
    >
      {(decision === "cancel" || decision === "reject") && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!isPending) decide();
          }}
        >
          <Field label="Why" hint="Kept with the job; may be left empty.">
            {(tie) => <Input {...tie} maxLength={1024} value={why} onChange={(event) => setWhy(event.target.value)} />}
          </Field>
        </form>
      )}
      {error !== null && <Trouble error={error} />}
    </Confirm>
  );
}

function About({ job, decision, sha256 }: Pick<DecisionDialogProps, "job" | "decision" | "sha256">): ReactNode {
  switch (decision) {
    case "approve":
      if (job.reason !== "publish") return "It goes to the next worker that fits.";
      return (
        <>
          What it made is pushed as it is now. You approve exactly this bundle:
          <code className="mt-1 block font-mono text-xs break-all text-ink">{sha256}</code>
        </>
      );
    case "reject":
      return "It ends as canceled, and nothing of it is pushed.";
    case "cancel":
      if (job.status !== "running") return "It never runs, and jobs that wait for it end with it.";
      return "Its worker kills everything it started. Work that was not pushed is kept for the next try where it can be.";
    case "retry":
      return `Generation ${job.generation + 1} begins with fresh tries${job.budget === null ? "." : " and a fresh budget."}`;
  }
}
