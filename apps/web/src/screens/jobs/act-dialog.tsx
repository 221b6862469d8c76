import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Modal } from "../../ui/dialog.tsx";
import { number, repoName } from "../../ui/facts.tsx";
import { Trouble } from "../../ui/states.tsx";
import { tell } from "../../ui/toast.tsx";
import { actOnMany, countJobs, type Progress, type Skipped, type Target } from "./act-on-many.ts";
import { type Action, wordsOf } from "./job-actions.ts";

export interface ActDialogProps {
  readonly action: Action;
  readonly target: Target;
  readonly onClose: () => void;
  /** Something was changed. */
  readonly onDone: () => void;
}

type Stage = "counting" | "asking" | "working" | "over";

/** Skipped jobs that are named one by one. */
const NAMED = 50;

/** Says how many jobs an action means, does it when that is confirmed, and tells which were skipped and why. */
export function ActDialog({ action, target, onClose, onDone }: ActDialogProps) {
  const words = wordsOf(action);
  const [stage, setStage] = useState<Stage>("counting");
  const [count, setCount] = useState(0);
  const [progress, setProgress] = useState<Progress>({ done: 0, skipped: [] });
  const [error, setError] = useState<Error | null>(null);
  const stopping = useRef(new AbortController());

  useEffect(() => {
    const counting = new AbortController();
    countJobs(action, target, setCount, counting.signal)
      .then((found) => {
        setCount(found);
        setStage("asking");
      })
      .catch((reason: unknown) => {
        if (!counting.signal.aborted) setError(asError(reason));
      });
    return () => counting.abort();
  }, [action, target]);

  async function work(): Promise<void> {
    setStage("working");
    setError(null);
    stopping.current = new AbortController();
    const { signal } = stopping.current;
    try {
      const ended = await actOnMany(action, target, { most: count, signal, onProgress: setProgress });
      if (ended.skipped.length === 0 && !signal.aborted) {
        tell(`${jobs(ended.done)} ${words.past}`);
        onClose();
      }
    } catch (reason) {
      setError(asError(reason));
    }
    setStage("over");
    onDone();
  }

  function close(): void {
    stopping.current.abort();
    onClose();
  }

  const seen = progress.done + progress.skipped.length;
  return (
    <Modal
      open
      onClose={close}
      title={`${words.verb} ${target.kind === "jobs" ? jobs(count) : "all that match"}`}
      about={<p className="outside-text">{aboutTarget(target)}</p>}
      actions={
        <>
          {stage === "asking" && count > 0 && (
            <Button look={words.hurts ? "danger" : "main"} onClick={() => void work()}>
              {words.verb} {jobs(count)}
            </Button>
          )}
          {stage === "working" && <Button onClick={() => stopping.current.abort()}>Stop here</Button>}
          <Button onClick={close}>{stage === "over" ? "Close" : "Leave it"}</Button>
        </>
      }
    >
      <div className="space-y-3 text-sm" aria-live="polite">
        {error !== null && <Trouble error={error} />}
        {stage === "counting" && error === null && <p>Counting: {number(count)} so far.</p>}
        {stage === "asking" && (
          <p>
            {count === 0 ? (
              "No job is meant."
            ) : (
              <>
                <strong>Exactly {jobs(count)}.</strong> {words.about}
              </>
            )}
          </p>
        )}
        {(stage === "working" || stage === "over") && (
          <>
            <progress
              className="w-full accent-(--honey)"
              aria-label="How far it is"
              value={seen}
              max={Math.max(1, count)}
            />
            <p className="tabular">
              {number(progress.done)} of {jobs(count)} {words.past}
              {progress.skipped.length > 0 && `, ${number(progress.skipped.length)} skipped`}
              {stage === "over" && seen < count && `, ${number(count - seen)} left as they were`}.
            </p>
          </>
        )}
        {progress.skipped.length > 0 && <SkippedList skipped={progress.skipped} />}
      </div>
    </Modal>
  );
}

function SkippedList({ skipped }: { readonly skipped: readonly Skipped[] }) {
  return (
    <div>
      <h3 className="font-medium">Skipped</h3>
      <ul
        tabIndex={0}
        aria-label="Skipped jobs"
        className="mt-1 max-h-60 overflow-y-auto rounded-md border border-line p-2 text-xs"
      >
        {skipped.slice(0, NAMED).map(({ jobId, detail }) => (
          <li key={jobId} className="outside-text py-0.5">
            <code>{jobId}</code>: {detail}
          </li>
        ))}
        {skipped.length > NAMED && <li className="text-soft">and {number(skipped.length - NAMED)} more</li>}
      </ul>
    </div>
  );
}

function aboutTarget(target: Target): ReactNode {
  if (target.kind === "jobs") return target.jobIds.length === 1 ? target.jobIds[0] : "The jobs that you selected.";
  const { status, repo } = target.filter;
  if (status === undefined && repo === undefined) return "Every job of this server that it fits.";
  return `Jobs${status === undefined ? "" : ` that are ${status}`}${repo === undefined ? "" : ` of ${repoName(repo)}`}.`;
}

function jobs(count: number): string {
  return count === 1 ? "1 job" : `${number(count)} jobs`;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
