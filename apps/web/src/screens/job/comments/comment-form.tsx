import type { JobDetail } from "@hive/protocol";
import { type FormEvent, type KeyboardEvent, useState } from "react";
import { useAction } from "../../../api/use-api.ts";
import { Button } from "../../../ui/button.tsx";
import { Field, TextArea } from "../../../ui/field.tsx";
import { Trouble } from "../../../ui/states.tsx";
import { tell } from "../../../ui/toast.tsx";
import { isOver } from "../decisions.ts";
import { type Place, quoting } from "./place.ts";

/** The longest comment the server takes. */
const LONGEST = 16_384;

export interface CommentFormProps {
  readonly job: JobDetail;
  /** What it is about; absent: the whole. */
  readonly place?: Place;
  readonly onDone?: () => void;
}

/** Says something to the agent: on the spot where it is over or waits, else once this attempt ends. */
export function CommentForm({ job, place, onDone }: CommentFormProps) {
  const [text, setText] = useState("");
  const [feedback, setFeedback] = useState(false);
  const say = useAction("commentJob", {
    touches: ["listComments", "getJob", "listJobs"],
    onDone: ({ n, status }) => {
      tell(`Comment ${n} is kept; the job is ${status}`);
      setText("");
      setFeedback(false);
      onDone?.();
    },
  });
  const words = place === undefined ? text.trim() : quoting(place, text.trim());
  const isEmpty = text.trim() === "" && !feedback;

  const send = (): void => {
    if (isEmpty || say.isPending || words.length > LONGEST) return;
    const said = text.trim() === "" ? {} : { text: words };
    say.mutate({ params: { jobId: job.jobId }, body: { ...said, ...(feedback ? { feedback } : {}) } });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
    if (event.key === "Escape" && text === "") onDone?.();
  };
  return (
    <form
      className="space-y-2"
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        send();
      }}
    >
      <Field
        label={place === undefined ? "Comment" : `Comment on ${place.path}:${place.line}`}
        hint={whatHappens(job)}
        problem={words.length > LONGEST ? `may have ${LONGEST} characters, and has ${words.length}` : undefined}
      >
        {(tie) => (
          <TextArea
            {...tie}
            rows={3}
            autoFocus={place !== undefined}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
        )}
      </Field>
      {place === undefined && job.result?.pullRequest != null && (
        <label className="flex min-h-8 items-center gap-2 text-sm">
          <input type="checkbox" checked={feedback} onChange={(event) => setFeedback(event.target.checked)} />
          with the reviews and failed checks of the pull request
        </label>
      )}
      {say.error !== null && <Trouble error={say.error} />}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="main" busy={say.isPending} disabled={isEmpty}>
          Send to the agent
        </Button>
        {onDone !== undefined && <Button onClick={onDone}>Leave it</Button>}
      </div>
    </form>
  );
}

function whatHappens(job: JobDetail): string {
  if (isOver(job)) return "The job goes on with it on its branch, as a new generation.";
  if (job.status === "running") return "The next attempt gets it; this one goes on undisturbed.";
  if (job.reason === "publish") return "The work goes back to the agent, and waits for approval again.";
  return "The next attempt gets it.";
}
