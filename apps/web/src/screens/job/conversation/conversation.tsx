import type { JobDetail } from "@hive/protocol";
import { useMemo, useState } from "react";
import { Button } from "../../../ui/button.tsx";
import { number, usd } from "../../../ui/facts.tsx";
import { LongText } from "../../../ui/long-text.tsx";
import { Panel } from "../../../ui/panel.tsx";
import { Loading, Trouble } from "../../../ui/states.tsx";
import { CommentForm } from "../comments/comment-form.tsx";
import { CommentList } from "../comments/comment-list.tsx";
import type { JobEventFeed } from "../use-job-events.ts";
import { entriesOf } from "./entries.ts";
import { EntryView } from "./entry-view.tsx";

/** Entries drawn at once; earlier ones with a button. */
const DRAWN = 200;

/** What was said between people and the agent, and what it did, as it happens. */
export function Conversation({ job, feed }: { readonly job: JobDetail; readonly feed: JobEventFeed }) {
  const [drawn, setDrawn] = useState(DRAWN);
  const entries = useMemo(() => entriesOf(feed.events), [feed.events]);
  const shown = entries.slice(-drawn);
  const { hasEarlier, isLoadingEarlier, isPending, error } = feed;
  const isWhole = !hasEarlier && entries.length <= drawn;
  const earlier = (): void => {
    if (entries.length < drawn + DRAWN && hasEarlier) feed.loadEarlier();
    setDrawn((before) => before + DRAWN);
  };
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1.7fr)_minmax(0,1fr)]">
      <Panel
        title="Conversation"
        actions={
          job.usage !== null && (
            <span className="text-xs text-soft">
              {job.usage.costUsd === null ? "price unknown" : usd(job.usage.costUsd)} · {number(job.usage.calls)} calls
            </span>
          )
        }
      >
        {isPending && <Loading rows={8} />}
        {error !== null && <Trouble error={error} onRetry={() => feed.retry()} />}
        <div className="space-y-3 p-4">
          {!isWhole && (
            <div className="text-center">
              <Button look="quiet" busy={isLoadingEarlier} onClick={earlier}>
                Show earlier
                {entries.length > drawn && ` (${number(entries.length - drawn)} are here)`}
              </Button>
            </div>
          )}
          {isWhole && !isPending && job.instructions !== null && (
            <details open={job.instructions.length < 2_000} className="rounded-lg bg-info-ground px-3 py-2 text-sm">
              <summary className="text-xs font-medium">What it was asked</summary>
              <div className="mt-1">
                <LongText name="Instructions" text={job.instructions} />
              </div>
            </details>
          )}
          {shown.map((entry) => (
            <EntryView key={entry.id} entry={entry} />
          ))}
          {!isPending && entries.length === 0 && <p className="text-sm text-soft">Nothing was said yet.</p>}
          {job.status === "running" && (
            <p role="status" className="pl-9 text-xs text-soft">
              at work{job.phase === null ? "" : `: ${job.phase}`}
            </p>
          )}
        </div>
      </Panel>
      <div className="min-w-0 space-y-4">
        <Panel title="Say something to it">
          <div className="p-4">
            <CommentForm job={job} />
          </div>
        </Panel>
        <CommentList job={job} />
      </div>
    </div>
  );
}
