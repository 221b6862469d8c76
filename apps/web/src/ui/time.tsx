import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for all times of the page, moved once a second while anything shows one and somebody looks. */
function onTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Milliseconds since 1970, a new value each second. */
export function useNow(): number {
  return useSyncExternalStore(onTick, () => now);
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [
  ["year", 31_536_000_000],
  ["month", 2_592_000_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** The instant in the viewer's zone and language, to the second. */
export function exactTime(at: number): string {
  return exact.format(at);
}

/** Such as "3 min. ago" or "in 2 hr.". */
export function relativeTime(at: number, from: number): string {
  const ms = at - from;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(ms) >= each) ?? ["second", 1_000];
  return relative.format(Math.trunc(ms / size), unit);
}

/** Such as "1 h 04 min" or "350 ms". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago or ahead; its exact value where the pointer rests and for who reads the page aloud. */
export function Time({ at, className = "" }: { readonly at: number; readonly className?: string }) {
  const from = useNow();
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={exactTime(at)}
      className={`tabular whitespace-nowrap ${className}`}
    >
      {relativeTime(at, from)}
    </time>
  );
}

/** How long something takes that goes on: it grows. */
export function Elapsed({ since, until }: { readonly since: number; readonly until: number | null }) {
  const from = useNow();
  return (
    <time title={exactTime(since)} className="tabular whitespace-nowrap">
      {duration((until ?? Math.max(from, since)) - since)}
    </time>
  );
}
