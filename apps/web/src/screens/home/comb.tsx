import type { Worker } from "@hive/protocol";
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import { useApi } from "../../api/use-api.ts";
import { number } from "../../ui/facts.tsx";
import { Panel } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { Elapsed } from "../../ui/time.tsx";
import { placesOf, type Place } from "./comb-places.ts";
import { cellFor, CombCell } from "./comb-cell.tsx";
import { JobLink } from "./status-link.tsx";
import { lookOf } from "./worker-look.ts";

/** Cells drawn; more are on the screen of the workers. */
const SHOWN = 120;
/** How silent a worker is has no event. */
const EVERY_MS = 15_000;

/** The workers as cells of a comb: who works at what. */
export function Comb() {
  const list = useApi("listWorkers", {}, { everyMs: EVERY_MS });
  const workers = list.data?.workers ?? [];
  const busy = workers.filter(({ jobId }) => jobId !== null).length;
  return (
    <Panel
      title="Workers"
      actions={
        workers.length > 0 && (
          <p className="tabular text-sm text-soft">
            {number(busy)} of {number(workers.length)} at work
          </p>
        )
      }
    >
      {list.error !== null && <Trouble error={list.error} onRetry={() => void list.refetch()} />}
      {list.isPending && <Loading rows={5} />}
      {list.data !== undefined && workers.length === 0 && (
        <Empty title="No worker is connected" command="HIVE_WORKERS=2 npm start">
          A server without pools starts as many workers as it is told; others come by themselves with its token.
        </Empty>
      )}
      {workers.length > 0 && <Cells workers={workers.slice(0, SHOWN)} />}
      {workers.length > SHOWN && (
        <p className="border-t border-line px-4 py-2 text-sm">
          <Link to="/workers">{number(workers.length - SHOWN)} more</Link>
        </p>
      )}
    </Panel>
  );
}

function Cells({ workers }: { readonly workers: readonly Worker[] }) {
  const list = useRef<HTMLUListElement>(null);
  const width = useWidth(list);
  const [chosenId, setChosen] = useState<string | null>(null);
  const chosen = workers.find(({ workerId }) => workerId === chosenId) ?? workers[0];
  const size = cellFor(width);
  const { places, height } = placesOf(workers.length, width, size);

  /** One stop for the tab key; the arrows go from cell to cell as the eye does. */
  function onKeyDown(event: KeyboardEvent): void {
    const at = workers.findIndex((worker) => worker === chosen);
    const next = neighbour(places, at, event.key);
    if (next === null) return;
    event.preventDefault();
    setChosen(workers[next]?.workerId ?? null);
    list.current?.querySelectorAll("button").item(next).focus();
  }

  return (
    <>
      <div className="p-4 pb-2">
        <ul
          ref={list}
          aria-label="Comb"
          onKeyDown={onKeyDown}
          className="relative"
          style={{ height: width === 0 ? size.height : height }}
        >
          {width > 0 &&
            workers.map((worker, place) => (
              <CombCell
                key={worker.workerId}
                worker={worker}
                place={places[place] ?? { left: 0, top: 0 }}
                size={size}
                isChosen={worker === chosen}
                onChoose={() => setChosen(worker.workerId)}
              />
            ))}
        </ul>
      </div>
      {chosen !== undefined && <Chosen worker={chosen} />}
    </>
  );
}

function Chosen({ worker }: { readonly worker: Worker }) {
  const { workerId, name, jobId, phase, jobSince, pool, labels, provider, isolation } = worker;
  const { word } = lookOf(worker);
  return (
    <div aria-label="Chosen worker" role="group" className="min-h-15 border-t border-line px-4 py-2.5 text-sm">
      <p>
        <Link to="/workers" search={{ worker: workerId }} className="outside-text font-medium">
          {name}
        </Link>{" "}
        <span className="text-soft">{word}</span>{" "}
        {jobId !== null && (
          <>
            <JobLink jobId={jobId} />
            <span className="text-soft">
              {phase !== null && <span className="outside-text">, {phase}</span>}
              {jobSince !== null && (
                <>
                  , for <Elapsed since={jobSince} until={null} />
                </>
              )}
            </span>
          </>
        )}
      </p>
      <p className="outside-text text-xs text-soft">
        {[pool === null ? null : `pool ${pool}`, provider, `isolation ${isolation}`, ...labels]
          .filter((each) => each !== null)
          .join(" · ")}
      </p>
    </div>
  );
}

/** The cell that a key leads to; null: none, or another key. */
function neighbour(places: readonly Place[], at: number, key: string): number | null {
  const here = places[at];
  if (here === undefined) return null;
  if (key === "Home") return 0;
  if (key === "End") return places.length - 1;
  if (key === "ArrowRight") return at + 1 < places.length ? at + 1 : null;
  if (key === "ArrowLeft") return at > 0 ? at - 1 : null;
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const rows = [...new Set(places.map(({ top }) => top))];
  const top = rows[rows.indexOf(here.top) + (key === "ArrowDown" ? 1 : -1)];
  if (top === undefined) return null;
  const row = places.flatMap((place, index) => (place.top === top ? [{ index, left: place.left }] : []));
  row.sort((a, b) => Math.abs(a.left - here.left) - Math.abs(b.left - here.left));
  return row[0]?.index ?? null;
}

function useWidth(of: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = of.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return width;
}
