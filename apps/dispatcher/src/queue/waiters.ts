/**
 * Claims that found nothing and wait for work. The queue says which requirement became claimable; the worker that has
 * waited longest and fits is asked again, and each one that then gets a job wakes two more, so a thousand workers are
 * busy after ten commits and not after a thousand. Nobody is woken for work that is not his, and nobody misses work that
 * became ready while his own claim was being answered.
 */

import { fits, HiveError, skillsName, type Effect, type Grant, type Skills } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Queue } from "./contract.ts";

export interface Claim {
  readonly workerId: string;
  readonly claimId: string;
  /** Milliseconds to wait for work. 0: only look. */
  readonly waitMs: number;
  /** Aborts when the worker's connection closed. */
  readonly closed: AbortSignal;
}

export interface ClaimAnswer {
  readonly grant: Grant | null;
  readonly drain: boolean;
}

export interface Waiters {
  /**
   * The worker's next job, or none when the time is over, the worker is to leave, a later claim of the same worker took
   * this one's place, or this dispatcher is not the queen any more. A job granted to a connection that has closed meanwhile is given back at once.
   * @throws HiveError as the claim does.
   */
  claim(claim: Claim): Promise<ClaimAnswer>;
  /** Returns a job nobody will read of, uncounted; not one that its worker has begun, having heard of it another way. */
  giveBack(grant: Grant): Promise<void>;
  /** Claims that wait right now. */
  readonly size: number;
  /** Answers all waiting claims with nothing; later ones look once and do not wait. Safe to call twice. */
  stop(): void;
}

type Sample = Parameters<typeof fits>[1];

interface Waiter {
  readonly workerId: string;
  /** What it can do; null until it first waits: then every work may be for it. */
  group: Group | null;
  /** Where it stands in the line of those that wait. */
  place: number;
  /** Work that fits became ready while the queue was answering its claim. */
  missed: boolean;
  /** The requirement it was last woken for. */
  wokenFor: string | null;
  /** Ends its waiting; true: ask again. Null while it does not wait. */
  go: ((again: boolean) => void) | null;
}

/** Waiting workers that take the same jobs, the one that waits longest first. */
interface Group {
  readonly name: string;
  readonly skills: Skills;
  readonly parked: Set<Waiter>;
}

/** Requirements remembered in their parsed form. */
const SAMPLES = 10_000;

export function createWaiters(
  queue: Pick<Queue, "submit" | "read" | "onEffect" | "onReadiness">,
  clock: Pick<Clock, "after">,
): Waiters {
  const groups = new Map<string, Group>();
  const asking = new Set<Waiter>();
  const latest = new Map<string, Waiter>();
  const samples = new Map<string, Sample>();
  let places = 0;
  let parked = 0;
  let stopped = false;
  /** Another dispatcher is the queen: work comes up there. */
  let away = false;

  const unlistenReadiness = queue.onReadiness((readiness) => {
    away = !readiness.ready && readiness.role === "standby";
    if (away) for (const waiter of latest.values()) waiter.go?.(false);
  });
  const unlisten = queue.onEffect((effect: Effect) => {
    if (effect.type === "ready") {
      const sample = sampleOf(effect.requirement);
      for (const waiter of asking) if (waiter.group === null || fits(waiter.group.skills, sample)) waiter.missed = true;
      wake(effect.requirement, 1);
    } else if (effect.type === "signal" && effect.signal === "drain") {
      latest.get(effect.workerId)?.go?.(true);
    } else if (effect.type === "reloaded") {
      // A commit failed. If it landed in spite of its error, nobody was told of the work in it: everybody looks anew.
      for (const waiter of asking) waiter.missed = true;
      for (const waiter of latest.values()) waiter.go?.(true);
    }
  });

  function sampleOf(requirement: string): Sample {
    const known = samples.get(requirement);
    if (known !== undefined) return known;
    const parts = requirement === "" ? [] : (JSON.parse(requirement) as (string | null)[]);
    const [role = null, agent = null, ...labels] = parts;
    const sample = { role, agent, labels: labels.filter((label) => label !== null) };
    if (samples.size >= SAMPLES) samples.clear();
    samples.set(requirement, sample);
    return sample;
  }

  /** Wakes up to this many of those that wait and fit, the longest waiting first. */
  function wake(requirement: string, count: number): void {
    const sample = sampleOf(requirement);
    for (let woken = 0; woken < count && parked > 0; woken += 1) {
      let longest: Waiter | null = null;
      for (const group of groups.values()) {
        const [first] = group.parked;
        if (first === undefined || (longest !== null && longest.place < first.place)) continue;
        if (fits(group.skills, sample)) longest = first;
      }
      if (longest === null) return;
      longest.wokenFor = requirement;
      longest.go?.(true);
    }
  }

  function groupOf(skills: Skills): Group {
    const name = skillsName(skills);
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group: Group = { name, skills, parked: new Set() };
    groups.set(name, group);
    return group;
  }

  /** Waits until woken. True: ask again. False: the time is over, the caller is gone, or nothing will come. */
  function park(waiter: Waiter, group: Group, deadline: Deadline, closed: AbortSignal): Promise<boolean> {
    if (closed.aborted || deadline.over || stopped || away) return Promise.resolve(false);
    return new Promise<boolean>((resolve) => {
      const go = (again: boolean): void => {
        group.parked.delete(waiter);
        if (group.parked.size === 0) groups.delete(group.name);
        parked -= 1;
        waiter.go = null;
        closed.removeEventListener("abort", end);
        deadline.onOver = () => {};
        resolve(again);
      };
      const end = (): void => go(false);
      places += 1;
      waiter.place = places;
      waiter.go = go;
      groups.set(group.name, group);
      group.parked.add(waiter);
      parked += 1;
      closed.addEventListener("abort", end, { once: true });
      deadline.onOver = end;
    });
  }

  /** Asks once, and passes on what it was woken for: to two others after a job, to one when it could not take any. */
  async function ask(waiter: Waiter, claimId: string): Promise<ClaimAnswer> {
    const { workerId, wokenFor } = waiter;
    waiter.wokenFor = null;
    waiter.missed = false;
    asking.add(waiter);
    let pass = 1;
    try {
      const answer = await queue.submit<"claim">({ type: "claim", workerId, claimId });
      pass = answer.grant !== null ? 2 : answer.drain ? 1 : 0;
      return answer;
    } catch (error) {
      // The work is gone with its batch: whoever were asked next would only fail too, and wake the one after.
      if (isLost(error)) pass = 0;
      throw error;
    } finally {
      if (wokenFor !== null) wake(wokenFor, pass);
    }
  }

  /**
   * Asks; a claim that was woken while it waited shares the batch of the work it was woken for, and when that batch fails
   * it goes on waiting: the state is loaded again, and then everybody looks anew.
   */
  async function askAgain(waiter: Waiter, claimId: string): Promise<ClaimAnswer> {
    const wasWaiting = waiter.wokenFor !== null;
    try {
      return await ask(waiter, claimId);
    } catch (error) {
      if (wasWaiting && isLost(error)) return { grant: null, drain: false };
      throw error;
    }
  }

  async function claimUntil(waiter: Waiter, claim: Claim, deadline: Deadline): Promise<ClaimAnswer> {
    for (;;) {
      const answer = await askAgain(waiter, claim.claimId);
      const superseded = latest.get(claim.workerId) !== waiter;
      if (answer.grant !== null) {
        if (claim.closed.aborted && !superseded) await giveBack(answer.grant);
        return answer;
      }
      if (answer.drain || superseded) return answer;
      const group: Group =
        waiter.group ?? groupOf(await queue.read((state) => state.workers.get(claim.workerId)?.record ?? NO_SKILLS));
      waiter.group = group;
      if (waiter.missed) continue;
      asking.delete(waiter);
      if (!(await park(waiter, groupOf(group.skills), deadline, claim.closed))) return { grant: null, drain: false };
      if (latest.get(claim.workerId) !== waiter) return { grant: null, drain: false };
    }
  }

  async function giveBack({ job, lease }: Grant): Promise<void> {
    const outcome = { end: "returned", message: "the worker's connection closed before it had the lease" } as const;
    await queue
      .submit<"finish">({
        type: "finish",
        lease: { jobId: job.id, fence: lease.fence },
        finishId: `closed-${lease.salt}`,
        outcome,
        log: null,
        // A copy of the claim that came late or twice gets the same lease; its worker may long be at work.
        unlessBegun: true,
      })
      // Over already, or the store is away: then the lease runs out by itself.
      .catch(() => {});
  }

  return {
    get size() {
      return parked;
    },
    giveBack,
    async claim(claim) {
      const waiter: Waiter = {
        workerId: claim.workerId,
        group: null,
        place: 0,
        missed: false,
        wokenFor: null,
        go: null,
      };
      const before = latest.get(claim.workerId);
      latest.set(claim.workerId, waiter);
      before?.go?.(false);
      const deadline = startDeadline(clock, claim.waitMs);
      try {
        return await claimUntil(waiter, claim, deadline);
      } finally {
        deadline.cancel();
        asking.delete(waiter);
        if (latest.get(claim.workerId) === waiter) latest.delete(claim.workerId);
      }
    },
    stop() {
      stopped = true;
      unlisten();
      unlistenReadiness();
      for (const waiter of latest.values()) waiter.go?.(false);
    },
  };
}

/** Of a worker that is not registered: its claim is refused before it could wait. */
const NO_SKILLS: Skills = { roles: [], labels: [], agents: [] };

/** The store failed: the state is loaded again, and everybody who waits then looks anew. */
function isLost(error: unknown): boolean {
  return error instanceof HiveError && (error.code === "store_failed" || error.code === "not_ready");
}

interface Deadline {
  over: boolean;
  onOver: () => void;
  readonly cancel: () => void;
}

function startDeadline(clock: Pick<Clock, "after">, ms: number): Deadline {
  const deadline: { over: boolean; onOver: () => void; cancel: () => void } = {
    over: ms <= 0,
    onOver: () => {},
    cancel: () => {},
  };
  if (ms > 0) {
    deadline.cancel = clock.after(ms, () => {
      deadline.over = true;
      deadline.onOver();
    });
  }
  return deadline;
}
