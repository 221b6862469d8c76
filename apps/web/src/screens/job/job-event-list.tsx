import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { number } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Loading, Trouble } from "../../ui/states.tsx";
import { exactTime, Time } from "../../ui/time.tsx";
import type { JobEvent, JobEventFeed } from "./use-job-events.ts";

/** Events drawn at once; more with a button. */
const DRAWN = 200;
/** Characters of the data that are shown in a line. */
const IN_LINE = 160;
/** And when it is opened. */
const OPENED = 20_000;

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
  const text = JSON.stringify(data);
  const long = text.length > IN_LINE;
  return (
    <li className="px-4 py-1.5 text-sm">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <span className="tabular w-14 shrink-0 text-xs text-soft">{id}</span>
        <code className="text-[13px] font-medium">{type}</code>
        <span title={exactTime(at)} className="text-xs text-soft">
          <Time at={at} />
        </span>
        {!long && <code className="outside-text min-w-0 text-xs text-soft">{text}</code>}
      </div>
      {long && (
        <details>
          <summary className="outside-text text-xs text-soft">
            <code>{text.slice(0, IN_LINE)}…</code>
          </summary>
          <pre
            tabIndex={0}
            aria-label={`Data of event ${id}`}
            className="outside-text mt-1 max-h-96 overflow-auto rounded bg-raised p-2 text-xs whitespace-pre-wrap"
          >
            {JSON.stringify(data, null, 2).slice(0, OPENED)}
          </pre>
        </details>
      )}
    </li>
  );
}
