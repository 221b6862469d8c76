import { Link } from "@tanstack/react-router";
import type { JobDetail } from "@hive/protocol";
import { bytes } from "../../../ui/facts.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { duration, Elapsed, Time, useNow } from "../../../ui/time.tsx";
import type { JobEvent } from "../job-event-pages.ts";
import { type Attempt, attemptsOf, type Phase, progressOf } from "./attempts.ts";

/** Attempts shown before somebody asks for more. */
const SHOWN = 10;

const ENDS: Readonly<Record<string, readonly [word: string, look: string]>> = {
  succeeded: ["succeeded", "bg-good-ground text-good"],
  failed: ["failed", "bg-bad-ground text-bad"],
  lost: ["worker lost", "bg-bad-ground text-bad"],
  canceled: ["canceled", "bg-raised text-soft"],
  returned: ["given back", "bg-raised text-soft"],
  parked: ["parked", "bg-warn-ground text-warn"],
  awaits_approval: ["waits for approval", "bg-warn-ground text-warn"],
};

/** Each try at the job, the newest first: by whom, when, its phases, and how it ended. */
export function AttemptList({ job, events }: { readonly job: JobDetail; readonly events: readonly JobEvent[] }) {
  const attempts = attemptsOf(job, events);
  const progress = progressOf(job, events);
  return (
    <Panel title="Attempts">
      {attempts.length === 0 && <p className="p-4 text-sm text-soft">No worker has had it yet.</p>}
      <ol className="divide-y divide-line">
        {attempts.slice(0, SHOWN).map((attempt) => (
          <AttemptRow
            key={attempt.fence}
            job={job}
            attempt={attempt}
            progress={attempt.end === null ? progress : null}
          />
        ))}
      </ol>
      {attempts.length > SHOWN && (
        <details className="border-t border-line">
          <summary className="px-4 py-2 text-sm">{attempts.length - SHOWN} earlier</summary>
          <ol className="divide-y divide-line border-t border-line">
            {attempts.slice(SHOWN).map((attempt) => (
              <AttemptRow key={attempt.fence} job={job} attempt={attempt} progress={null} />
            ))}
          </ol>
        </details>
      )}
    </Panel>
  );
}

interface AttemptRowProps {
  readonly job: JobDetail;
  readonly attempt: Attempt;
  readonly progress: ReturnType<typeof progressOf>;
}

function AttemptRow({ job, attempt, progress }: AttemptRowProps) {
  const { fence, generation, workerId, since, endedAt, end, error, phases, logBytes } = attempt;
  const [word, look] =
    end === null ? ["running", "bg-honey text-honey-ink"] : (ENDS[end] ?? [end, "bg-raised text-soft"]);
  return (
    <li className="px-4 py-3 text-sm">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className={`rounded-full px-2 py-0.5 text-xs font-medium ${look}`}>{word}</span>
        <span className="tabular" title="The fence: it only rises, and only its holder may write">
          fence {fence}
        </span>
        {job.generation > 1 && <span className="text-soft">generation {generation}</span>}
        {attempt.attempt !== null && <span className="text-soft">attempt {attempt.attempt}</span>}
        <span className="outside-text text-soft">{workerId}</span>
        {since !== null && (
          <span className="text-soft">
            <Time at={since} />, {end === null ? "for" : "took"} <Elapsed since={since} until={endedAt} />
          </span>
        )}
        {logBytes !== null && logBytes > 0 && (
          <Link to="/jobs/$jobId/log" params={{ jobId: job.jobId }} search={{ fence }} className="ml-auto text-xs">
            Log of fence {fence}, {bytes(logBytes)}
          </Link>
        )}
      </div>
      {error !== null && (
        <p className="outside-text mt-1 whitespace-pre-wrap text-bad">
          <code>{error.code}</code> {error.kind === "system" ? "(of the system) " : ""}
          {error.message}
        </p>
      )}
      {phases.length > 0 && <PhaseBar phases={phases} />}
      {progress !== null && (progress.message !== null || progress.percent !== null) && (
        <p role="status" className="outside-text mt-1.5 text-soft">
          {progress.percent !== null && <span className="tabular mr-2 text-ink">{Math.round(progress.percent)} %</span>}
          {progress.message}
        </p>
      )}
    </li>
  );
}

/** How long each phase took, as parts of one bar and in words. */
function PhaseBar({ phases }: { readonly phases: readonly Phase[] }) {
  const now = useNow();
  const timed = phases.map(({ name, ms, since }) => ({
    name,
    isOn: ms === null,
    ms: ms ?? (since === null ? 0 : Math.max(0, now - since)),
  }));
  const total = timed.reduce((sum, { ms }) => sum + ms, 0);
  return (
    <>
      <div aria-hidden className="mt-2 flex h-1.5 gap-px overflow-hidden rounded-full bg-raised">
        {timed.map(({ name, ms, isOn }, at) => (
          <span
            key={`${at} ${name}`}
            className={isOn ? "bg-honey" : at % 2 === 0 ? "bg-strong" : "bg-soft"}
            style={{ flexGrow: total === 0 ? 1 : Math.max(ms / total, 0.01) }}
          />
        ))}
      </div>
      <ol className="mt-1 flex flex-wrap gap-x-3 gap-y-0.5 text-xs text-soft">
        {timed.map(({ name, ms, isOn }, at) => (
          <li key={`${at} ${name}`} className={isOn ? "font-medium text-ink" : ""}>
            <span className="outside-text">{name}</span> <span className="tabular">{duration(ms)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
