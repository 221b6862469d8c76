/**
 * Claims that found nothing and wait for work. The queue says which requirement became claimable; the worker that has
 * waited longest and fits is asked again, and each one that got a job wakes two more, so a thousand workers are busy
 * after ten commits and not after a thousand. Nobody is woken for work that is not his, and nobody misses work that
 * became ready while his own claim was being answered.
 */

import { fits, skillsName, type Effect, type Grant, type Skills } from "@hive/core";
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
   * The worker's next job, or none when the time is over, the worker is to leave, or a later claim of the same worker
   * took this one's place. A job granted to a connection that has closed meanwhile is given back at once.
   * @throws HiveError as the claim does.
   */
  claim(claim: Claim): Promise<ClaimAnswer>;
  /** Claims that wait right now. */
  readonly size: number;
  /** Answers all waiting claims with nothing and every later one at once. Safe to call twice. */
  stop(): void;
}

const NOTHING: ClaimAnswer = { grant: null, drain: false };

interface Waiter {
  readonly workerId: string;
  readonly claimId: string;
  readonly group: Group;
  /** `asking`: the queue is working on its claim; `parked`: waits to be woken; `over`: answered. */
  phase: "asking" | "parked" | "over";
  /** Work that fits became ready while it was asking. */
  missed: boolean;
  wake: () => void;
}

/** Waiting workers that take the same jobs, the one that waits longest first. */
interface Group {
  readonly skills: Skills;
  readonly parked: Set<Waiter>;
  readonly asking: Set<Waiter>;
}

export function createWaiters(
  queue: Pick<Queue, "submit" | "read" | "onEffect">,
  clock: Pick<Clock, "after">,
): Waiters {
  const groups = new Map<string, Group>();
  const byWorker = new Map<string, Waiter>();
  const samples = new Map<string, Parameters<typeof fits>[1]>();
  /** Orders parked waiters of different groups by how long they wait. */
  const parkedAt = new WeakMap<Waiter, number>();
  let parkings = 0;
  let stopped = false;

  const unlisten = queue.onEffect((effect: Effect) => {
    if (effect.type === "ready") wakeFor(effect.requirement, 1);
    else if (effect.type === "signal" && effect.signal === "drain") byWorker.get(effect.workerId)?.wake();
  });

  function sampleOf(requirement: string): Parameters<typeof fits>[1] {
    const known = samples.get(requirement);
    if (known !== undefined) return known;
    const [role = null, agent = null, ...labels] =
      requirement === "" ? [] : (JSON.parse(requirement) as (string | null)[]);
    const sample = { role, agent, labels: labels.filter((label) => label !== null) };
    if (samples.size > 10_000) samples.clear();
    samples.set(requirement, sample);
    return sample;
  }

  function wakeFor(requirement: string, count: number): void {
    const sample = sampleOf(requirement);
    for (const group of groups.values()) {
      if (!fits(group.skills, sample)) continue;
      for (const waiter of group.asking) waiter.missed = true;
    }
    for (let woken = 0; woken < count; woken += 1) {
      const longest = longestWaiting((group) => fits(group.skills, sample));
      if (longest === null) return;
      longest.wake();
    }
  }

  function longestWaiting(takes: (group: Group) => boolean): Waiter | null {
    let longest: Waiter | null = null;
    for (const group of groups.values()) {
      const [first] = group.parked;
      if (first === undefined || !takes(group)) continue;
      if (longest === null || (parkedAt.get(first) ?? 0) < (parkedAt.get(longest) ?? 0)) longest = first;
    }
    return longest;
  }

  function groupOf(skills: Skills): Group {
    const name = skillsName(skills);
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group: Group = { skills, parked: new Set(), asking: new Set() };
    groups.set(name, group);
    return group;
  }

  function leave(waiter: Waiter): void {
    waiter.phase = "over";
    waiter.group.parked.delete(waiter);
    waiter.group.asking.delete(waiter);
    if (byWorker.get(waiter.workerId) === waiter) byWorker.delete(waiter.workerId);
    if (waiter.group.parked.size + waiter.group.asking.size === 0) groups.delete(skillsName(waiter.group.skills));
  }

  /** Waits until woken. True: ask again. False: the time is over, the caller is gone, or nothing will come. */
  function park(waiter: Waiter, deadline: Deadline, closed: AbortSignal): Promise<boolean> {
    if (closed.aborted || deadline.over || stopped) return Promise.resolve(false);
    return new Promise<boolean>((resolve) => {
      const go = (again: boolean): void => {
        waiter.group.parked.delete(waiter);
        waiter.wake = () => {};
        closed.removeEventListener("abort", onEnd);
        deadline.onOver = () => {};
        resolve(again);
      };
      const onEnd = (): void => go(false);
      waiter.phase = "parked";
      waiter.wake = () => go(waiter.phase === "parked" && !stopped);
      waiter.group.parked.add(waiter);
      parkings += 1;
      parkedAt.set(waiter, parkings);
      closed.addEventListener("abort", onEnd, { once: true });
      deadline.onOver = onEnd;
    });
  }

  async function wait(waiter: Waiter, claim: Claim): Promise<ClaimAnswer> {
    const { workerId, claimId, closed } = claim;
    const deadline = startDeadline(clock, claim.waitMs);
    try {
      for (;;) {
        waiter.phase = "asking";
        waiter.missed = false;
        waiter.group.asking.add(waiter);
        const answer = await queue.submit<"claim">({ type: "claim", workerId, claimId });
        waiter.group.asking.delete(waiter);
        if (answer.grant !== null) {
          wakeTwo(waiter);
          if (closed.aborted && byWorker.get(workerId) === waiter) await giveBack(answer.grant);
          return answer;
        }
        if (answer.drain || byWorker.get(workerId) !== waiter) return answer;
        if (waiter.missed) continue;
        if (!(await park(waiter, deadline, closed))) return NOTHING;
      }
    } finally {
      deadline.cancel();
      leave(waiter);
    }
  }

  /** Where one job was ready there may be more: two others look, who wake two others each if they find one. */
  function wakeTwo(waiter: Waiter): void {
    for (let woken = 0; woken < 2; woken += 1) longestWaiting((group) => group === waiter.group)?.wake();
  }

  /** Nobody will read this answer. The worker may claim again; the job must not wait for the lease to run out. */
  async function giveBack({ job, lease }: Grant): Promise<void> {
    const outcome = { end: "returned", message: "the worker's connection closed before it had the lease" } as const;
    const finishId = `closed-${lease.salt}`;
    await queue
      .submit<"finish">({ type: "finish", lease: { jobId: job.id, fence: lease.fence }, finishId, outcome, log: null })
      // Over already, or the store is away: then it runs out by itself.
      .catch(() => {});
  }

  return {
    get size() {
      let parked = 0;
      for (const group of groups.values()) parked += group.parked.size;
      return parked;
    },
    async claim(claim) {
      const { workerId, claimId } = claim;
      const before = byWorker.get(workerId);
      if (stopped || claim.waitMs <= 0) {
        const answer = await queue.submit<"claim">({ type: "claim", workerId, claimId });
        if (answer.grant !== null && claim.closed.aborted && byWorker.get(workerId) === undefined)
          await giveBack(answer.grant);
        return answer;
      }
      const skills =
        before?.group.skills ?? (await queue.read((state) => state.workers.get(workerId)?.record ?? NO_SKILLS));
      const waiter: Waiter = {
        workerId,
        claimId,
        group: groupOf(skills),
        phase: "asking",
        missed: false,
        wake: () => {},
      };
      byWorker.set(workerId, waiter);
      if (before !== undefined) {
        before.phase = "over";
        before.wake();
      }
      return wait(waiter, claim);
    },
    stop() {
      stopped = true;
      unlisten();
      for (const group of groups.values()) for (const waiter of group.parked) waiter.wake();
    },
  };
}

/** Of a worker that is not registered: its claim is refused before it could wait. */
const NO_SKILLS: Skills = { roles: [], labels: [], agents: [] };

interface Deadline {
  over: boolean;
  onOver: () => void;
  readonly cancel: () => void;
}

function startDeadline(clock: Pick<Clock, "after">, ms: number): Deadline {
  const cancel = clock.after(ms, () => {
    deadline.over = true;
    deadline.onOver();
  });
  const deadline: Deadline = { over: false, onOver: () => {}, cancel };
  return deadline;
}
