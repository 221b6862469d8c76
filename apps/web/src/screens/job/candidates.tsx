import type { Candidate, JobDetail } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useState } from "react";
import { useAction, useApi } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Fact, number, usd } from "../../ui/facts.tsx";
import { LongText } from "../../ui/long-text.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { StatusBadge } from "../../ui/status.tsx";
import { duration } from "../../ui/time.tsx";
import { tell } from "../../ui/toast.tsx";

const TESTS = { green: "text-good", red: "text-bad", none: "text-soft" } as const;

/** The candidates side by side, and the choice among them where a person has it. */
export function Candidates({ job }: { readonly job: JobDetail }) {
  const { jobId } = job;
  // Their own events name them and not this job.
  const asked = useApi("jobCandidates", { params: { jobId } }, job.endedAt === null ? { everyMs: 3_000 } : {});
  const [picked, setPicked] = useState<Candidate | null>(null);
  const choose = useAction("chooseCandidate", {
    touches: ["jobCandidates", "getJob", "listJobs"],
    onDone: () => {
      tell(`Candidate ${picked?.n ?? ""} is published`);
      setPicked(null);
    },
  });
  if (asked.data === undefined) {
    return asked.error === null ? (
      <Loading rows={8} />
    ) : (
      <Trouble error={asked.error} onRetry={() => void asked.refetch()} />
    );
  }
  const { candidates, chosen, why, status, reason } = asked.data;
  const canChoose =
    chosen === null &&
    ((status === "held" && reason === "choice") || (status === "failed" && reason === "candidates_failed"));
  return (
    <>
      {why !== null && <p className="outside-text mb-3 text-sm text-soft">{why}</p>}
      <ol aria-label="Candidates" className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {candidates.map((candidate) => (
          <li key={candidate.n}>
            <Card
              candidate={candidate}
              isChosen={candidate.n === chosen}
              onChoose={canChoose && candidate.choosable ? () => setPicked(candidate) : null}
            />
          </li>
        ))}
      </ol>
      <Confirm
        open={picked !== null}
        onClose={() => setPicked(null)}
        title={`Publish candidate ${picked?.n ?? ""}?`}
        about="Its work becomes the job's; the branches of the others are removed."
        verb="Publish it"
        danger={false}
        busy={choose.isPending}
        onConfirm={() => picked !== null && choose.mutate({ params: { jobId }, body: { candidate: picked.n } })}
      >
        {picked?.tests === "red" && <p className="text-sm text-bad">The repository's tests are red on it.</p>}
        {choose.error !== null && <Trouble error={choose.error} />}
      </Confirm>
    </>
  );
}

interface CardProps {
  readonly candidate: Candidate;
  readonly isChosen: boolean;
  readonly onChoose: (() => void) | null;
}

function Card({ candidate, isChosen, onChoose }: CardProps) {
  const { n, jobId, status, reason, tests, diffStat, costUsd, inputTokens, outputTokens, ms, error, summary } =
    candidate;
  return (
    <section
      aria-label={`Candidate ${n}`}
      className={`flex h-full flex-col gap-3 rounded-lg border bg-panel p-4 ${isChosen ? "border-2 border-honey" : "border-line"}`}
    >
      <div className="flex flex-wrap items-center gap-2">
        <h2 className="font-semibold">
          <Link to="/jobs/$jobId" params={{ jobId }}>
            Candidate {n}
          </Link>
        </h2>
        <StatusBadge status={status} reason={reason} />
        {isChosen && (
          <span className="inline-flex items-center gap-1 text-xs font-medium text-good">
            <Check aria-hidden size={14} /> chosen
          </span>
        )}
      </div>
      <dl className="grid grid-cols-2 gap-x-4 gap-y-2 text-sm">
        <Fact name="Tests">
          <span className={tests === null ? "text-soft" : TESTS[tests]}>{tests ?? "not run"}</span>
        </Fact>
        <Fact name="Diff">
          {diffStat === null
            ? "not known"
            : `${number(diffStat.files)} ${diffStat.files === 1 ? "file" : "files"}, +${number(diffStat.insertions)} −${number(diffStat.deletions)}`}
        </Fact>
        <Fact name="Cost">{costUsd === null ? "not known" : usd(costUsd)}</Fact>
        <Fact name="Took">{ms === null ? "not known" : duration(ms)}</Fact>
        <Fact name="Agent">
          {[candidate.agent, candidate.agentVersion, candidate.model].filter((part) => part !== null).join(" · ") ||
            "not known"}
        </Fact>
        <Fact name="Tokens">
          {inputTokens === null ? "not known" : `${number(inputTokens)} in, ${number(outputTokens ?? 0)} out`}
        </Fact>
        {candidate.branch !== null && <Fact name="Branch">{candidate.branch}</Fact>}
      </dl>
      {error !== null && (
        <p className="outside-text text-sm text-bad">
          <code>{error.code}</code> {error.message}
        </p>
      )}
      {summary !== null && <LongText name={`Summary of candidate ${n}`} text={summary} shown={600} />}
      <div className="mt-auto flex flex-wrap items-center gap-3 text-sm">
        <Link to="/jobs/$jobId" params={{ jobId }} search={{ tab: "diff" }}>
          Diff
        </Link>
        <Link to="/jobs/$jobId" params={{ jobId }} search={{ tab: "conversation" }}>
          Conversation
        </Link>
        {onChoose !== null && (
          <Button look="main" className="ml-auto" aria-label={`Choose candidate ${n}`} onClick={onChoose}>
            Choose
          </Button>
        )}
      </div>
    </section>
  );
}
