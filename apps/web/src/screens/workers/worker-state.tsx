import type { Worker } from "@hive/protocol";
import { Bed, DoorOpen, LoaderCircle, type LucideIcon, WifiOff } from "lucide-react";

export type WorkerState = "at work" | "free" | "draining" | "silent";

/** A worker says something every 20 s at the least, and is forgotten after 90 s. */
const SILENT_MS = 45_000;

const LOOKS: Readonly<Record<WorkerState, readonly [string, LucideIcon]>> = {
  "at work": ["bg-honey text-honey-ink", LoaderCircle],
  free: ["bg-good-ground text-good", Bed],
  draining: ["bg-warn-ground text-warn", DoorOpen],
  silent: ["bg-bad-ground text-bad", WifiOff],
};

/** The one word for a worker, the most urgent first. */
export function stateOf({ silentMs, draining, jobId }: Worker): WorkerState {
  if (silentMs > SILENT_MS) return "silent";
  if (draining) return "draining";
  return jobId === null ? "free" : "at work";
}

export function WorkerBadge({ state }: { readonly state: WorkerState }) {
  const [look, Icon] = LOOKS[state];
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${look}`}
    >
      <Icon
        aria-hidden
        size={13}
        className={state === "at work" ? "animate-spin [animation-duration:2.5s] motion-reduce:animate-none" : ""}
      />
      {state}
    </span>
  );
}

/** Such as "4 workers: 2 at work, 1 free, 1 draining". */
export function countWorkers(workers: readonly Worker[]): string {
  if (workers.length === 0) return "No workers are registered.";
  const states = Map.groupBy(workers, stateOf);
  const parts = (["at work", "free", "draining", "silent"] as const).flatMap((state) => {
    const count = states.get(state)?.length ?? 0;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return `${workers.length} ${workers.length === 1 ? "worker" : "workers"}: ${parts.join(", ")}.`;
}
