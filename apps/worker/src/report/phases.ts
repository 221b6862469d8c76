/** How long each phase of a job took: people see where the time goes. */

import type { Clock } from "../loops/clock.ts";

/** The phases of a job, in order. */
export type PhaseName = "prepare" | "caches" | "setup" | "run" | "verify" | "publish" | "report";

export interface Phases {
  /** Ends the phase before and begins this one. */
  enter(name: PhaseName): void;
  /** Milliseconds by phase so far, in order of first entry. */
  list(): { name: string; ms: number }[];
}

/** A stopwatch that has not started. */
export function createPhases(clock: Pick<Clock, "mono">): Phases {
  const spent = new Map<PhaseName, number>();
  let current: { name: PhaseName; since: number } | null = null;
  const close = (): void => {
    if (current === null) return;
    spent.set(current.name, (spent.get(current.name) ?? 0) + clock.mono() - current.since);
    current = { ...current, since: clock.mono() };
  };
  return {
    enter(name) {
      close();
      current = { name, since: clock.mono() };
      if (!spent.has(name)) spent.set(name, 0);
    },
    list() {
      close();
      return [...spent].map(([name, ms]) => ({ name, ms: Math.round(ms) }));
    },
  };
}
