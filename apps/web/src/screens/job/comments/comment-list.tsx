import type { Comment, JobDetail } from "@hive/protocol";
import { LongText } from "../../../ui/long-text.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { Trouble } from "../../../ui/states.tsx";
import { Time } from "../../../ui/time.tsx";
import { placeOf } from "./place.ts";
import { useComments } from "./use-comments.ts";

const STATES: Readonly<Record<Comment["state"], readonly [string, string]>> = {
  waiting: ["waits for the next attempt", "bg-warn-ground text-warn"],
  given: ["the agent has it", "bg-info-ground text-info"],
  done: ["done", "bg-good-ground text-good"],
};

/** What was said to the job, the newest first, and how far each got. */
export function CommentList({ job }: { readonly job: JobDetail }) {
  const { comments, error, refetch } = useComments(job);
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />;
  if (comments.length === 0) return null;
  return (
    <Panel title="Comments">
      <ol aria-label="Comments" className="divide-y divide-line">
        {comments.toReversed().map((comment) => (
          <li key={comment.n} className="px-4 py-3">
            <CommentView comment={comment} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

/** One of them. `withPlace`: says where in the diff it belongs. Default: true. */
export function CommentView({
  comment,
  withPlace = true,
}: {
  readonly comment: Comment;
  readonly withPlace?: boolean;
}) {
  const { n, by, at, state, feedback, trust } = comment;
  const { place, text } = placeOf(comment.text);
  const [words, look] = STATES[state];
  return (
    <>
      <p className="mb-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-soft">
        <strong className="outside-text font-medium text-ink">{by}</strong>
        <Time at={at} />
        <span className={`rounded-full px-2 py-0.5 font-medium ${look}`}>{words}</span>
        {trust === "untrusted" && <span className="rounded-full bg-warn-ground px-2 py-0.5 text-warn">untrusted</span>}
        {feedback && <span>with the pull request's reviews</span>}
      </p>
      {withPlace && place !== null && (
        <p className="outside-text mb-1 border-l-2 border-line pl-2 font-mono text-xs text-soft">
          {place.path}:{place.line} {place.quote}
        </p>
      )}
      {text !== "" && <LongText name={`Comment ${n}`} text={text} shown={1_000} copy={false} />}
    </>
  );
}
