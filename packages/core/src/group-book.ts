/**
 * The groups of one source while a command works on them: one place that keeps the tally right, tells what happened, and
 * stores each document once. A group is a value; `set` takes its new one.
 */

import { type Group, type Tally, groupKey, tallyKey } from "./group.ts";
import { OPENED_MAX, hasOpenJob } from "./group-rules.ts";
import type { EventType } from "./event.ts";
import type { Key } from "./document.ts";
import type { Step } from "./step.ts";

/** The documents a book needs. */
export function bookKeys(source: string, fingerprints: Iterable<string>): Key[] {
  return [tallyKey(source), ...Array.from(new Set(fingerprints), (fingerprint) => groupKey(source, fingerprint))];
}

/** The tally as it is stored; a new one where there is none. */
export function storedTally(step: Step, source: string): Tally {
  const stored: unknown = step.doc(tallyKey(source));
  if (stored !== null) return stored as Tally;
  return {
    source,
    received: 0,
    filtered: 0,
    grouped: 0,
    overflow: 0,
    jobs: 0,
    open: {},
    opened: [],
    groups: 0,
    due: 0,
    held: 0,
    deliveries: 0,
    waiting: 0,
    episodes: 0,
    fullAt: null,
  };
}

export class GroupBook {
  readonly step: Step;
  readonly source: string;
  tally: Tally;
  readonly #groups = new Map<string, Group | null>();
  #look = false;

  constructor(step: Step, source: string) {
    this.step = step;
    this.source = source;
    this.tally = storedTally(step, source);
  }

  get now(): number {
    return this.step.now.wall;
  }

  /** The group as it is by now; null: there is none. */
  group(fingerprint: string): Group | null {
    const known = this.#groups.get(fingerprint);
    if (known !== undefined) return known;
    const stored: unknown = this.step.doc(groupKey(this.source, fingerprint));
    return stored as Group | null;
  }

  /** Takes a group's new value, tells what is new about it, and counts it. */
  set(next: Group): void {
    const before = this.group(next.fingerprint);
    this.#count(before, next);
    this.#groups.set(next.fingerprint, next);
    if (before?.stage !== next.stage || before.wakeAt !== next.wakeAt) this.#look = true;
    if (next.stage === "held" && before?.stage !== "held") this.tell("group.held", next, { ...next.hold });
    if (next.stage === "muted" && before?.stage !== "muted") this.tell("group.muted", next, { ...next.mute });
    if (next.regressed && before?.regressed !== true) this.tell("group.regressed", next, {});
  }

  /** Takes a group out. Its job ids are not used again: see `Tally.episodes`. */
  drop(group: Group): void {
    if (hasOpenJob(group)) throw new Error(`the group ${group.source}/${group.fingerprint} has a job`);
    this.#count(group, null);
    this.#groups.set(group.fingerprint, null);
    this.tally = { ...this.tally, episodes: Math.max(this.tally.episodes, group.jobs) };
  }

  /** A job was made for a group: it takes a place. */
  opened(fingerprint: string, jobId: string): void {
    const { opened, open, jobs } = this.tally;
    this.tally = {
      ...this.tally,
      jobs: jobs + 1,
      open: { ...open, [fingerprint]: jobId },
      opened: [...opened, this.now].sort((a, b) => a - b).slice(-OPENED_MAX),
    };
  }

  /** Somebody retried the last job of a group: it has its place again. */
  reopened(fingerprint: string, jobId: string): void {
    this.tally = { ...this.tally, open: { ...this.tally.open, [fingerprint]: jobId } };
  }

  /** The job of a group is over: its place is free. */
  closed(fingerprint: string): void {
    const { [fingerprint]: _over, ...open } = this.tally.open;
    this.tally = { ...this.tally, open };
    this.#look = true;
  }

  /**
   * Tells something about a group. It is an event of its job while that lives; of one that is over only `lastJob` tells, for
   * it may be forgotten already, with all its events.
   */
  tell(type: EventType, group: Group, data: Readonly<Record<string, unknown>>): void {
    const { source, fingerprint, title, severity, count, stage, regressed, job } = group;
    const about = { source, fingerprint, title, severity, count, stage, regressed, lastJob: job?.id ?? null };
    const lives = job !== null && this.step.state.jobs.has(job.id);
    this.step.event(type, null, { ...about, ...data }, lives ? job.id : null);
  }

  /** Stores what changed. */
  close(): void {
    for (const [fingerprint, group] of this.#groups) {
      const { collection, id } = groupKey(this.source, fingerprint);
      this.step.put(collection, id, group);
    }
    this.step.put("tallies", this.source, this.tally);
    if (this.#look) this.step.effect({ type: "source", source: this.source });
  }

  #count(before: Group | null, next: Group | null): void {
    const moved = (stage: Group["stage"]): number => Number(next?.stage === stage) - Number(before?.stage === stage);
    this.tally = {
      ...this.tally,
      groups: this.tally.groups + Number(next !== null) - Number(before !== null),
      due: this.tally.due + moved("due"),
      held: this.tally.held + moved("held"),
    };
  }
}
