/**
 * One look of the fleet: from what the queue has and what runs, what to do now. It reads and decides; `fleet.ts` does it.
 */

import { demand, type Offer, type State } from "@hive/core";
import { desiredSize, type PoolCounts, roomFor, surplus, toStart } from "./desired.ts";
import { type Launched, type Phase, phaseOf } from "./launches.ts";
import { blockedBecause, closedBecause, type PoolKeeper, skillsOf } from "./pool-keeper.ts";

/** Milliseconds a started worker has to register. */
export const BOOT_MS = 120_000;
/** Milliseconds a worker that takes no more jobs, and has none, has to be gone. */
export const LEAVE_MS = 60_000;
/** Milliseconds that idle workers may be too many before they are asked to leave: work comes in waves. */
export const SURPLUS_MS = 60_000;
/** Workers that boot at once, over all pools: each takes a processor for a moment. */
export const MAX_BOOTING = 4;

export interface PlanInput {
  readonly keepers: readonly PoolKeeper[];
  readonly launches: readonly Launched[];
  /** Workers of all pools together, at most. */
  readonly max: number;
  readonly everyAgent: readonly string[];
  readonly mono: number;
  readonly wall: number;
}

export interface Plan {
  /** How many to start, by pool. */
  readonly start: ReadonlyMap<PoolKeeper, number>;
  /** Ask these to leave; the job they have they finish. */
  readonly drain: readonly Launched[];
  /** Start these again, as the answer to their start was lost. */
  readonly askAgain: readonly Launched[];
  /** These did not register in time. */
  readonly neverCame: readonly Launched[];
  /** These said goodbye, or are not heard of, and are still there. */
  readonly neverLeft: readonly Launched[];
  /** When to look again at the latest, monotonic; null: nothing is waited for. */
  readonly nextAt: number | null;
}

interface Sorted {
  readonly keeper: PoolKeeper;
  readonly closed: boolean;
  readonly mayStart: boolean;
  readonly own: readonly { readonly one: Launched; readonly phase: Phase }[];
  readonly counts: PoolCounts;
}

/** Decides, and notes in the keepers what they are shown by: counts, demand, desired size. */
export function plan(state: State, input: PlanInput): Plan {
  const { launches, mono } = input;
  const pools = input.keepers.map((keeper) => sort(state, keeper, input));
  const runnable = share(state, pools, input);

  const times: number[] = [];
  const start = new Map<PoolKeeper, number>();
  const drain: Launched[] = [];
  let free = Math.max(0, input.max - launches.length);
  let booting = MAX_BOOTING - pools.reduce((sum, { counts }) => sum + counts.starting, 0);
  pools.forEach(({ keeper, closed, mayStart, own, counts }, place) => {
    keeper.counts = counts;
    keeper.runnable = runnable[place] ?? 0;
    keeper.desired = closed ? counts.busy : desiredSize(keeper.size, keeper.runnable, counts.busy);
    if (closed)
      drain.push(...own.filter(({ one, phase }) => phase !== "draining" && mayAsk(state, one)).map(({ one }) => one));
    else drain.push(...drainSurplus(keeper, own, mono, times));
    if (!closed && keeper.backOff.until > mono) times.push(keeper.backOff.until);
    if (!mayStart || closed) return;
    // A pool whose last boot failed tries with one worker.
    const probe = keeper.backOff.failures > 0 ? Math.max(0, 1 - counts.starting) : Number.POSITIVE_INFINITY;
    const number = Math.min(toStart(keeper.size, counts, keeper.desired), free, Math.max(0, booting), probe);
    if (number <= 0) return;
    start.set(keeper, number);
    free -= number;
    booting -= number;
  });

  const neverCame: Launched[] = [];
  const neverLeft: Launched[] = [];
  const askAgain: Launched[] = [];
  for (const one of launches) {
    const phase = phaseOf(one, state.workers.get(one.name));
    if (phase === "starting") {
      if (one.askAgainAt !== null) {
        if (one.askAgainAt <= mono && one.provider.status().state === "ok") askAgain.push(one);
        times.push(Math.max(one.askAgainAt, mono + 1_000));
      } else if (one.registeredAt === null) {
        if (one.startedAt + BOOT_MS <= mono) neverCame.push(one);
        else times.push(one.startedAt + BOOT_MS);
      }
    }
    if (phase !== "draining" || one.ended || !one.provider.outlivesServer) one.leavingSince = null;
    else {
      one.leavingSince ??= mono;
      if (one.leavingSince + LEAVE_MS <= mono) neverLeft.push(one);
      else times.push(one.leavingSince + LEAVE_MS);
    }
  }
  return { start, drain, askAgain, neverCame, neverLeft, nextAt: times.length === 0 ? null : Math.min(...times) };
}

function sort(state: State, keeper: PoolKeeper, { launches, mono, wall }: PlanInput): Sorted {
  const own = launches
    .filter((one) => one.pool === keeper.pool.name && one.provider === keeper.provider)
    .map((one) => ({ one, phase: phaseOf(one, state.workers.get(one.name)) }));
  const counts = { starting: 0, idle: 0, busy: 0, draining: 0 };
  for (const { one, phase } of own) {
    counts[phase] += 1;
    const worker = state.workers.get(one.name);
    if (worker !== undefined && one.known) keeper.agents = worker.record.agents;
    if (phase === "busy") one.served = true;
  }
  const closed = closedBecause(keeper, wall) !== null;
  return { keeper, closed, mayStart: !closed && blockedBecause(keeper, { mono, wall }) === null, own, counts };
}

/** The jobs that could run now, dealt to the pools: first to those that can start workers, the rest to those that could. */
function share(state: State, pools: readonly Sorted[], { everyAgent }: PlanInput): readonly number[] {
  const offers: Offer[] = pools.map(({ keeper, counts, closed, mayStart }) => ({
    skills: skillsOf(keeper, everyAgent),
    room: closed ? 0 : roomFor(keeper.size, counts, mayStart),
  }));
  const rest = pools.map(({ keeper, counts, closed }, place) => ({
    skills: skillsOf(keeper, everyAgent),
    room: closed ? 0 : Math.max(0, keeper.size.max - counts.busy - (offers[place]?.room ?? 0)),
  }));
  const dealt = demand(state, [...offers, ...rest]);
  return pools.map((_, place) => (dealt[place] ?? 0) + (dealt[pools.length + place] ?? 0));
}

/** Idle workers that were too many for long enough, those that wait longest first. */
function drainSurplus(keeper: PoolKeeper, own: Sorted["own"], mono: number, times: number[]): readonly Launched[] {
  const many = surplus(keeper.counts, keeper.desired);
  if (many === 0) {
    keeper.surplusSince = null;
    return [];
  }
  keeper.surplusSince ??= mono;
  if (keeper.surplusSince + SURPLUS_MS > mono) {
    times.push(keeper.surplusSince + SURPLUS_MS);
    return [];
  }
  return own
    .filter(({ one, phase }) => phase === "idle" && !one.asking)
    .map(({ one }) => one)
    .sort((a, b) => a.startedAt - b.startedAt)
    .slice(0, many);
}

/** It is registered, and nobody has asked it to leave yet. */
function mayAsk(state: State, one: Launched): boolean {
  const worker = state.workers.get(one.name);
  return one.known && !one.asking && worker !== undefined && !worker.record.draining;
}
