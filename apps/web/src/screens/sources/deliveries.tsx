import type { DeliveryView, SourceView } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useAction } from "../../api/use-api.ts";
import { usePages } from "../../api/use-pages.ts";
import { Button } from "../../ui/button.tsx";
import { bytes, number } from "../../ui/facts.tsx";
import { Select } from "../../ui/field.tsx";
import { More } from "../../ui/more.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { Tag, type Tone } from "../../ui/tag.tsx";
import { Time } from "../../ui/time.tsx";
import { tell, tellError } from "../../ui/toast.tsx";

type State = DeliveryView["state"];

const LOOK_MS = 4_000;
const TONES: Readonly<Record<State, Tone>> = { received: "info", processed: "good", failed: "bad" };
/** Links to groups of one delivery. */
const SHOWN = 8;

/** What was sent to a source. Its content is kept sealed and never shown: it may hold secrets. */
export function Deliveries({ source: { id: sourceId, hook } }: { readonly source: SourceView }) {
  const [state, setState] = useState<State | "">("");
  const list = usePages(
    "listDeliveries",
    { params: { sourceId }, query: { limit: 50, ...(state === "" ? {} : { state }) } },
    { everyMs: LOOK_MS },
  );
  const deliveries = list.pages?.flatMap((page) => page.deliveries);
  return (
    <Panel
      title="Deliveries"
      actions={
        <Select
          aria-label="In which state"
          className="w-auto! max-w-full"
          value={state}
          onChange={(event) => setState(event.target.value as State | "")}
        >
          <option value="">in any state</option>
          <option value="received">received: not looked at yet</option>
          <option value="processed">processed</option>
          <option value="failed">failed: could not be understood</option>
        </Select>
      }
    >
      {list.error !== null && <Trouble error={list.error} onRetry={list.again} />}
      {list.isPending && <Loading rows={6} />}
      {deliveries?.length === 0 && (
        <Empty
          title={state === "" ? "Nothing was delivered yet" : `None is ${state}`}
          {...(hook === null
            ? {}
            : { command: `curl ${location.origin}${hook} -H "content-type: application/json" -d @alert.json` })}
        >
          {hook === null
            ? "This source reads by itself; nobody sends it anything."
            : "Each delivery of its sender has a line here, with what came of it. The sender shows who it is as the source's auth says."}
        </Empty>
      )}
      {deliveries !== undefined && deliveries.length > 0 && (
        <ul className="divide-y divide-line">
          {deliveries.map((delivery) => (
            <DeliveryRow key={delivery.id} sourceId={sourceId} delivery={delivery} />
          ))}
        </ul>
      )}
      <More list={list} label="Older" />
    </Panel>
  );
}

function DeliveryRow({ sourceId, delivery }: { readonly sourceId: string; readonly delivery: DeliveryView }) {
  const { id, receivedAt, state, message, seen, times, replays } = delivery;
  const replay = useAction("replayDelivery", {
    touches: ["listDeliveries", "listGroups", "getSource", "listSources"],
    onDone: () => tell("It is read again"),
  });
  const prints = seen?.fingerprints ?? [];
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-2.5 text-sm">
      <div className="min-w-0 flex-1 basis-72">
        <p className="flex flex-wrap items-center gap-2">
          <Tag tone={TONES[state]}>{state}</Tag>
          <Time at={Date.parse(receivedAt)} />
          <span className="text-soft">
            {bytes(delivery.bytes)}
            {times > 1 && `, sent ${number(times)} times`}
            {replays > 0 && `, replayed ${number(replays)} times`}
          </span>
        </p>
        <p className="text-xs text-soft">
          <bdi className="outside-text">{id}</bdi>
        </p>
        {message !== null && (
          <p className={state === "failed" ? "text-bad" : "text-soft"}>
            <bdi className="outside-text line-clamp-4">{message}</bdi>
          </p>
        )}
        {seen !== null && (
          <p className="text-soft">
            {prints.length === 0 ? "No group" : "Groups: "}
            {prints.slice(0, SHOWN).map((print) => (
              <Link
                key={print}
                to="/sources/$sourceId"
                params={{ sourceId }}
                search={{ part: "groups", group: print }}
                className="mr-2 font-mono text-xs underline"
              >
                {print.slice(0, 12)}
              </Link>
            ))}
            {prints.length > SHOWN && `and ${number(prints.length - SHOWN)} more`}
            {seen.filtered > 0 && `${prints.length === 0 ? ", " : " "}${number(seen.filtered)} left out`}
          </p>
        )}
      </div>
      <Button
        aria-label={`Replay ${id}`}
        busy={replay.isPending}
        onClick={() => replay.mutate({ params: { sourceId, deliveryId: id } }, { onError: tellError })}
      >
        Replay
      </Button>
    </li>
  );
}
