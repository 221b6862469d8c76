/** What the tests of sources start from: a policy with round numbers, signals, and a world that knows both. */

import type { CommandOf, Replies } from "../command.ts";
import { type FloodPolicy, type Group, type Tally, groupKey, tallyKey } from "../group.ts";
import { docKey } from "../command.ts";
import { World, newJob } from "../queue.fixture.ts";
import type { Rules } from "../rules.ts";
import type { Signal } from "../signal.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** Opens at the first occurrence; three jobs open, five in an hour, an hour of cooldown. */
export const POLICY: FloodPolicy = {
  count: 1,
  withinMs: 10 * MINUTE,
  forMs: 0,
  maxOpen: 3,
  perHour: 5,
  cooldownMs: HOUR,
  reopenWithinMs: 24 * HOUR,
  bypass: "critical",
  flap: null,
  resolve: { waiting: "cancel", running: "note" },
  maxGroups: 100,
};

/** An occurrence at `at`, by the sender's clock. */
export function signal(fingerprint: string, what: Partial<Signal> = {}): Signal {
  const at = what.at ?? 0;
  return {
    fingerprint,
    title: `trouble ${fingerprint}`,
    state: "event",
    episode: null,
    severity: "error",
    at,
    count: 1,
    note: false,
    sample: { at, text: `text of ${fingerprint}`, fields: {}, link: null },
    ...what,
  };
}

/** A world with one source, `s`. */
export class SourceWorld extends World {
  policy: FloodPolicy;
  #delivery = 0;

  constructor(policy: Partial<FloodPolicy> = {}, rules: Partial<Rules> = {}) {
    super(rules);
    this.policy = { ...POLICY, ...policy };
  }

  get tally(): Tally {
    const stored: unknown = this.store.get(docKey(tallyKey("s")));
    return stored as Tally;
  }

  group(fingerprint: string): Group {
    const stored: unknown = this.store.get(docKey(groupKey("s", fingerprint)));
    if (stored === undefined) throw new Error(`no group ${fingerprint}`);
    return stored as Group;
  }

  /** All groups there are. */
  get groups(): Group[] {
    const found: unknown[] = [...this.store].filter(([key]) => key.startsWith("groups/")).map(([, doc]) => doc);
    return found as Group[];
  }

  /** Each group's stage, and why it is held. */
  stage(fingerprint: string): string {
    const { stage, hold } = this.group(fingerprint);
    return hold === null ? stage : `${stage}: ${hold.reason}`;
  }

  /** Delivers these signals and looks at them. */
  hear(...signals: readonly Signal[]): Replies["observe"] {
    this.#delivery += 1;
    const id = `d${this.#delivery}`;
    this.do({ type: "receive", source: "s", id, bytes: 1, sealed: null });
    return this.observe({ position: { kind: "delivery", id, replay: false }, signals });
  }

  observe(what: Partial<CommandOf<"observe">>): Replies["observe"] {
    return this.do({
      type: "observe",
      source: "s",
      position: { kind: "cursor", version: 0, value: null },
      policy: this.policy,
      signals: [],
      filtered: 0,
      failed: null,
      memories: [],
      ...what,
    });
  }

  /** Makes the job of a group, named after its episode. */
  open(fingerprint: string, what: Partial<CommandOf<"openGroup">> = {}): Replies["openGroup"] {
    const episode = what.episode ?? this.group(fingerprint).jobs + 1;
    const job = newJob(`s.${fingerprint}.${episode}`);
    const { policy } = this;
    return this.do({ type: "openGroup", source: "s", fingerprint, episode, policy, job, overBudget: false, ...what });
  }

  settle(fingerprint: string, jobId = this.group(fingerprint).job?.id ?? "none"): Replies["settleGroup"] {
    return this.do({ type: "settleGroup", source: "s", fingerprint, jobId, policy: this.policy });
  }

  wake(...fingerprints: readonly string[]): readonly string[] {
    return this.do({ type: "wakeGroups", source: "s", fingerprints, policy: this.policy }).due;
  }

  control(fingerprint: string, action: CommandOf<"controlGroup">["action"], until: number | null = null): Group {
    const { policy } = this;
    const by = { until, reason: "so", by: "ann", policy };
    return this.do({ type: "controlGroup", source: "s", fingerprint, action, ...by }).group;
  }

  /** The job of a group ends: a person cancels it, and the group learns of it. */
  end(fingerprint: string): void {
    const jobId = this.group(fingerprint).job?.id ?? "none";
    this.do({ type: "cancel", jobId, by: "ann", reason: "done" });
    this.settle(fingerprint);
  }
}
