import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import type { JobEvent } from "./job-event-pages.ts";
import type { JobEventFeed } from "./use-job-events.ts";

/** Events drawn at once; more with a button. */
const DRAWN = 200;
/** Characters of the data that are shown in a line. */
const IN_LINE = 200;
/** And when it is opened. */
const OPENED = 20_000;
/** What the job itself says. */
const OF_EVERY_EVENT: ReadonlySet<string> = new Set(["status", "generation", "attempt", "task", "repo"]);

/** Everything that happened to the job, the newest first. */
export function JobEventList({ feed }: { readonly feed: JobEventFeed }) {
  const [drawn, setDrawn] = useState(DRAWN);
  const { events, hasEarlier, isLoadingEarlier, isPending, error } = feed;
  const shown = events.slice(-drawn).toReversed();
  const more = (): void => {
    if (events.length < drawn + DRAWN && hasEarlier) feed.loadEarlier();
    setDrawn((before) => before + DRAWN);
  };
  return (
    <Panel title="Events" actions={<span className="text-xs text-soft">newest first</span>}>
      {isPending && <Loading rows={8} />}
      {error !== null && <Trouble error={error} onRetry={() => feed.retry()} />}
      <ol aria-label="Events" className="divide-y divide-line">
        {shown.map((event) => (
          <Row key={event.id} event={event} />
        ))}
      </ol>
      {(events.length > drawn || hasEarlier) && (
        <div className="border-t border-line p-2 text-center">
          <Button look="quiet" busy={isLoadingEarlier} onClick={more}>
            Show earlier ones
            {events.length > drawn && ` (${number(events.length - drawn)} are here)`}
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Row({ event: { id, type, at, data } }: { readonly event: JobEvent }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li className="text-sm">
      <details onToggle={(event) => setOpen(event.currentTarget.open)} className="group">
        <summary className="flex min-h-8 flex-wrap items-baseline gap-x-3 px-4 py-1.5 hover:bg-raised">
          <ChevronRight aria-hidden size={14} className="shrink-0 self-center group-open:rotate-90" />
          <span className="tabular w-12 shrink-0 text-xs text-soft">{id}</span>
          <code className="w-36 shrink-0 text-[13px] font-medium">{type}</code>
          <Time at={at} className="w-24 shrink-0 text-xs text-soft" />
          <span className="outside-text min-w-0 flex-1 basis-60 text-xs text-soft">{gistOf(data)}</span>
        </summary>
        {isOpen && (
          <pre
            tabIndex={0}
            aria-label={`Data of event ${id}`}
            className="outside-text mx-4 mb-2 max-h-96 overflow-auto rounded bg-raised p-2 text-xs whitespace-pre-wrap"
          >
            {JSON.stringify(data, null, 2).slice(0, OPENED)}
          </pre>
        )}
      </details>
    </li>
  );
}

/** What an event says beyond what all events of its job say, in one line. */
function gistOf(data: JobEvent["data"]): string {
  const parts = Object.entries(data).flatMap(([name, value]) => {
    if (OF_EVERY_EVENT.has(name) || value === null) return [];
    return [`${name} ${typeof value === "string" ? value : JSON.stringify(value)}`];
  });
  const text = parts.join(" · ");
  return text.length > IN_LINE ? `${text.slice(0, IN_LINE)}…` : text;
}
