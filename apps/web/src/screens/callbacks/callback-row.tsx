import { Link } from "@tanstack/react-router";
import { useAction } from "../../api/use-api.ts";
import { Button } from "../../ui/button.tsx";
import { Tag, type Tone } from "../../ui/tag.tsx";
import { duration, exactTime, Time, useNow } from "../../ui/time.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import type { CallbackView, State } from "./callback-search.ts";

const TONES: Readonly<Record<State, Tone>> = { pending: "info", delivered: "good", dead: "bad" };

/** One callback: what it told, how often it was tried, and how each try ended. */
export function CallbackRow({ callback }: { readonly callback: CallbackView }) {
  const { id, jobId, type, state, createdAt, nextAt, tries, attempts } = callback;
  const last = attempts.at(-1);
  const now = useNow();
  // The count begins anew when a person sends it again.
  const all = Math.max(tries, attempts.length);
  const redeliver = useAction("redeliverCallback", {
    touches: ["listCallbacks"],
    onDone: () => tell(`Callback ${id} is sent again`),
  });
  return (
    <li className="px-4 py-3 text-sm">
      <div className="grid grid-cols-1 items-center gap-x-4 gap-y-1 md:grid-cols-[6rem_minmax(0,1fr)_minmax(0,1.2fr)_auto]">
        <span>
          <Tag tone={TONES[state]}>{state}</Tag>
        </span>
        <span className="min-w-0">
          <span className="font-medium">{type}</span> <Time at={createdAt} className="text-soft" />
          <Link to="/jobs/$jobId" params={{ jobId }} className="outside-text block">
            {jobId}
          </Link>
        </span>
        <span className="min-w-0 text-soft">
          {last === undefined ? "not tried yet" : outcome(last)}
          {state === "pending" && nextAt !== null && (
            <span className="block">
              {nextAt > now ? (
                <>
                  next try <Time at={nextAt} />
                </>
              ) : (
                "waits for its turn"
              )}
            </span>
          )}
        </span>
        <Button
          aria-label={`Redeliver callback ${id}`}
          busy={redeliver.isPending}
          onClick={() => redeliver.mutate({ params: { id } }, { onError: tellError })}
        >
          Redeliver
        </Button>
      </div>
      {attempts.length > 0 && (
        <details className="mt-1">
          <summary className="w-fit py-1 text-xs leading-6 text-soft pointer-coarse:py-2">
            {all} {all === 1 ? "try" : "tries"}
            {all > attempts.length && `, the last ${attempts.length} of them`}
          </summary>
          <ol className="mt-1 space-y-1 border-l-2 border-line pl-3 text-xs" aria-label={`Tries of callback ${id}`}>
            {attempts.toReversed().map((attempt) => (
              <li key={attempt.at} className="grid grid-cols-1 gap-x-3 sm:grid-cols-[14rem_5rem_minmax(0,1fr)]">
                <time dateTime={new Date(attempt.at).toISOString()} className="tabular">
                  {exactTime(attempt.at)}
                </time>
                <span className="tabular text-soft">{duration(attempt.ms)}</span>
                <span className="outside-text">{outcome(attempt)}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </li>
  );
}

/** How a try ended: the status that was answered, and what was wrong. The other side may have said anything. */
function outcome({ status, error }: CallbackView["attempts"][number]): string {
  if (status === null) return error ?? "no answer";
  return error === null ? `answered ${status}` : `answered ${status}: ${error}`;
}
