import type { Worker } from "@hive/protocol";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { useAction, useApi } from "../../api/use-api.ts";
import { useKeys } from "../../shell/keys.ts";
import { Confirm } from "../../ui/dialog.tsx";
import { Input } from "../../ui/field.tsx";
import { Panel, ScreenHead } from "../../ui/panel.tsx";
import { Empty, Loading, Trouble } from "../../ui/states.tsx";
import { tell, tellError } from "../../ui/toast.tsx";
import { HowToStart } from "./how-to-start.tsx";
import { type Stopping, useStopNow } from "./use-stop-now.ts";
import { LastJobs } from "./worker-details.tsx";
import { WorkerRow } from "./worker-row.tsx";
import { countWorkers, stateOf } from "./worker-state.tsx";

const route = getRouteApi("/workers");
/** Silence makes no event. */
const LOOK_MS = 10_000;
/** From here on a list is searched rather than read. */
const MANY = 8;

export function WorkersScreen() {
  const { worker: opened = null } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, isPending, refetch, dataUpdatedAt } = useApi("listWorkers", {}, { everyMs: LOOK_MS });
  const [words, setWords] = useState("");
  const [asked, setAsked] = useState<Stopping | null>(null);
  const drain = useAction("drainWorker", {
    touches: ["listWorkers", "listPools"],
    onDone: ({ workerId, draining }) =>
      draining
        ? tell(`${workerId} takes no more jobs`, { label: "Take it back", onClick: () => setDraining(workerId, false) })
        : tell(`${workerId} takes jobs again`),
  });
  const stop = useStopNow(() => setAsked(null));

  const workers = (data?.workers ?? []).toSorted((a, b) => byName.compare(a.workerId, b.workerId));
  const shown = workers.filter((worker) => fits(worker, words));
  const isGone = opened !== null && data !== undefined && !workers.some(({ workerId }) => workerId === opened);

  const open = (workerId: string | null): void =>
    void navigate({ search: workerId === null ? {} : { worker: workerId }, replace: true, resetScroll: false });

  function setDraining(workerId: string, draining: boolean): void {
    drain.mutate({ params: { workerId }, body: { draining } }, { onError: tellError });
  }

  useKeys([
    { keys: "j", about: "Next worker", run: () => focusRow(1) },
    { keys: "k", about: "Worker before", run: () => focusRow(-1) },
    {
      keys: "d",
      about: "Drain the worker, or take it back",
      run: () => {
        const found = workers.find(({ workerId }) => workerId === focusedWorker());
        if (found !== undefined) setDraining(found.workerId, !found.draining);
      },
    },
  ]);

  return (
    <>
      <ScreenHead title="Workers" about={data === undefined ? "Who does the work." : countWorkers(workers)} />
      {isGone && (
        <Panel title={`${opened} is not registered`} className="mb-4">
          <div className="px-4 py-3">
            <p className="text-sm text-soft">
              It left, or was silent for too long. A job that it had goes to another worker by itself.
            </p>
            <LastJobs workerId={opened} />
          </div>
        </Panel>
      )}
      <Panel
        title="Registered"
        actions={
          (workers.length > MANY || words !== "") && (
            <Input
              aria-label="Find workers"
              placeholder="Name, label, job, state"
              value={words}
              onChange={(event) => setWords(event.target.value)}
              className="max-w-64"
            />
          )
        }
      >
        {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
        {isPending && <Loading rows={4} />}
        {data !== undefined && workers.length === 0 && (
          <Empty title="Nobody is here to work">
            Jobs wait safely until a worker comes. Below is how to start one.
          </Empty>
        )}
        {shown.length === 0 && workers.length > 0 && (
          <p className="px-4 py-6 text-center text-sm text-soft">No worker is like that.</p>
        )}
        <ul aria-label="Workers" className="divide-y divide-line">
          {shown.map((worker) => (
            <WorkerRow
              key={worker.workerId}
              worker={worker}
              heardAt={dataUpdatedAt - worker.silentMs}
              isOpen={opened === worker.workerId}
              busy={drain.isPending && drain.variables.params?.workerId === worker.workerId}
              onToggle={() => open(opened === worker.workerId ? null : worker.workerId)}
              onDrain={(draining) => setDraining(worker.workerId, draining)}
              onStop={(jobId) => setAsked({ workerId: worker.workerId, jobId })}
            />
          ))}
        </ul>
      </Panel>
      <details
        className="mt-4 rounded-lg border border-line bg-panel"
        open={data !== undefined && workers.length === 0}
      >
        <summary className="px-4 py-2.5 text-sm font-semibold">Start more workers</summary>
        <HowToStart />
      </details>
      <Confirm
        open={asked !== null}
        onClose={() => setAsked(null)}
        title={`Stop ${asked?.workerId ?? ""} now?`}
        verb="Stop it and cancel its job"
        busy={stop.isPending}
        onConfirm={() => {
          if (asked !== null) stop.mutate(asked);
        }}
        about={
          <>
            It takes no more jobs, and <code className="outside-text">{asked?.jobId}</code> is canceled: its work so far
            is not published. The job can be retried by hand. Drain it instead to let it finish.
          </>
        }
      />
    </>
  );
}

const byName = new Intl.Collator(undefined, { numeric: true });

function fits(worker: Worker, words: string): boolean {
  const { workerId, jobId, phase, roles, labels, agents, pool, provider, isolation } = worker;
  const said = [workerId, jobId, phase, ...roles, ...labels, ...agents, pool, provider, isolation, stateOf(worker)];
  const text = said.join(" ").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function focusedWorker(): string | null {
  return document.activeElement?.closest<HTMLElement>("[data-worker]")?.dataset["worker"] ?? null;
}

/** Puts the focus on the name that is `step` rows further. */
function focusRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-worker]")];
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = now < 0 ? (step === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + step));
  rows[next]?.querySelector("button")?.focus();
}
