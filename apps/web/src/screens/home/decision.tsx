import type { JobSummary } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { Check, Eye, X } from "lucide-react";
import { useState } from "react";
import { useAction, useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { repoName } from "../../ui/facts.tsx";
import { Field, Input } from "../../ui/field.tsx";
import { Time } from "../../ui/time.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { JobLink } from "./status-link.tsx";

const TOUCHED = ["listJobs", "getJob", "health", "digest"] as const;
/** Characters of what a job is told, before it is cut. */
const SHOWN = 240;

/** What is asked, by the reason a job is held for. */
const QUESTIONS: Readonly<Record<string, string>> = {
  approval: "May it start?",
  publish: "Its work is done. May it be pushed? Look at the diff first.",
  choice: "Its candidates are done. Which one is the best?",
  flood: "Too many jobs came from its source. May it start?",
  paused: "The queue is paused. May it start?",
};

/** One held job and what a person can say to it, right here where that is enough to decide. */
export function Decision({ job }: { readonly job: JobSummary }) {
  const { jobId, reason, repo, task, role, createdAt } = job;
  const detail = useApi("getJob", { params: { jobId } }).data;
  const [isRejecting, setRejecting] = useState(false);
  const approve = useAction("approveJob", { touches: TOUCHED, onDone: () => tell(`${jobId} may go on.`) });
  // What is to be pushed, and which candidate is the best, nobody can say without having seen it.
  const isSeenFirst = reason === "publish" || reason === "choice";
  const told = detail?.instructions ?? detail?.script ?? null;

  return (
    <li className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-4 py-3 text-sm">
      <div className="min-w-0 flex-1 basis-72">
        <p>
          <JobLink jobId={jobId} className="font-medium" />{" "}
          <span className="text-soft">
            {role ?? task} in <bdi className="outside-text">{repoName(repo)}</bdi>, <Time at={createdAt} />
          </span>
        </p>
        <p className="text-warn">{QUESTIONS[reason ?? ""] ?? "A person decides."}</p>
        {told !== null && (
          <p className="outside-text mt-0.5 font-mono text-xs text-soft">
            {told.length > SHOWN ? `${told.slice(0, SHOWN)} …` : told}
          </p>
        )}
      </div>
      <div className="flex gap-2">
        {isSeenFirst ? (
          <Link
            to="/jobs/$jobId"
            params={{ jobId }}
            search={{ tab: reason === "publish" ? "diff" : "candidates" }}
            className="inline-flex min-h-8 items-center gap-1.5 rounded-md border border-honey bg-honey px-3 py-1 text-sm font-medium text-honey-ink no-underline pointer-coarse:min-h-10"
          >
            <Eye aria-hidden size={15} /> Look at it
          </Link>
        ) : (
          <Button
            look="main"
            icon={<Check aria-hidden size={15} />}
            busy={approve.isPending}
            aria-label={`Approve ${jobId}`}
            onClick={() => approve.mutate({ params: { jobId } }, { onError: tellError })}
          >
            Approve
          </Button>
        )}
        <Button icon={<X aria-hidden size={15} />} aria-label={`Reject ${jobId}`} onClick={() => setRejecting(true)}>
          Reject
        </Button>
      </div>
      <Rejection jobId={jobId} open={isRejecting} onClose={() => setRejecting(false)} />
    </li>
  );
}

function Rejection({
  jobId,
  open,
  onClose,
}: {
  readonly jobId: string;
  readonly open: boolean;
  readonly onClose: () => void;
}) {
  const [why, setWhy] = useState("");
  const reject = useAction("rejectJob", {
    touches: TOUCHED,
    onDone: () => {
      tell(`${jobId} was rejected.`);
      onClose();
    },
  });
  return (
    <Confirm
      open={open}
      onClose={onClose}
      title={`Reject ${jobId}?`}
      about="It ends as canceled. It can be retried later, and is held again then."
      verb="Reject"
      busy={reject.isPending}
      onConfirm={() =>
        reject.mutate(
          { params: { jobId }, ...(why.trim() === "" ? {} : { body: { reason: why.trim() } }) },
          { onError: tellError },
        )
      }
    >
      <Field label="Why" hint="Stands in the job's history. It may be left empty.">
        {(tie) => <Input {...tie} maxLength={1024} value={why} onChange={(event) => setWhy(event.target.value)} />}
      </Field>
    </Confirm>
  );
}
