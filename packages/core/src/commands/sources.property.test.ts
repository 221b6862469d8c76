/**
 * The promises about groups, in any order of signals, openings, ends, wakes, people's decisions and restarts: limits hold,
 * a group has one job that is not over, counts are exact, and nothing that waits is lost.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Group } from "../group.ts";
import { bypasses, hasOpenJob } from "../group-rules.ts";
import { SEVERITIES } from "../signal.ts";
import { HOUR, MINUTE, SourceWorld, signal } from "./sources.fixture.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];
const WHATS = ["hear", "hear", "hear", "open", "open", "open", "end", "end", "settle", "wake", "pass"] as const;
const RARE = [
  "mute",
  "unmute",
  "resolve",
  "release",
  "retry",
  "retry",
  "retry",
  "forget",
  "refuse",
  "restart",
] as const;

const roll = fc.record({
  what: fc.constantFrom(...WHATS, ...WHATS, ...RARE),
  name: fc.constantFrom(...NAMES),
  a: fc.nat(999),
  b: fc.nat(999),
});
type Roll = typeof roll extends fc.Arbitrary<infer T> ? T : never;

/** What must have happened over all lives, so that a green test means something. */
const MUST_HAPPEN = [
  ...["max_open", "per_hour", "cooldown", "refused", "pending", "muted", "resolved", "regressed", "released"],
  ...["opened", "bypassed", "canceled", "reopened", "overflow", "forgotten"],
];

class SourceLife {
  readonly world: SourceWorld;
  readonly #saw: (what: string) => void;
  #sent = 0;

  constructor(saw: (what: string) => void) {
    const flap = { changes: 5, withinMs: HOUR, muteMs: HOUR };
    this.world = new SourceWorld({
      maxOpen: 2,
      perHour: 3,
      forMs: MINUTE,
      flap,
      maxGroups: 5,
      bypass: "critical",
      cooldownMs: 5 * MINUTE,
    });
    this.#saw = saw;
  }

  roll(one: Roll): void {
    const before = new Map(this.world.groups.map((group) => [group.fingerprint, group]));
    this.#do(one);
    if (this.world.store.has("tallies/s")) this.#check(before, one);
  }

  #do({ what, name, a, b }: Roll): void {
    const { world } = this;
    const known = world.store.has(`groups/s/${name}`) ? world.group(name) : null;
    switch (what) {
      case "hear":
        this.#hear(name, a, b);
        return;
      case "open":
      case "refuse":
        if (known?.stage === "due" || known?.stage === "held") this.#open(known, what === "refuse");
        return;
      case "end":
        if (known?.job != null && world.state.jobs.has(known.job.id)) {
          world.do({ type: "cancel", jobId: known.job.id, by: "ann", reason: "done" });
          if (a % 2 === 0) world.settle(name);
        }
        return;
      case "retry":
        if (known?.job != null && !world.state.jobs.has(known.job.id)) {
          world.do({ type: "retry", jobId: known.job.id, by: "ann" });
        }
        return;
      case "settle":
        if (known !== null) world.settle(name);
        return;
      case "wake":
        world.wake(...NAMES.slice(a % NAMES.length));
        return;
      case "pass":
        world.pass(a % 6 === 0 ? 2 * HOUR : MINUTE);
        return;
      case "forget": {
        const { forgotten } = world.do({ type: "forgetGroups", source: "s", fingerprints: [name], before: world.wall });
        if (forgotten > 0) this.#saw("forgotten");
        return;
      }
      case "restart":
        world.restart();
        return;
      default:
        if (known === null || (what === "release" && known.stage !== "held")) return;
        if (what === "release") this.#saw("released");
        world.control(name, what, a % 4 === 0 ? null : world.wall + MINUTE);
    }
  }

  #hear(name: string, a: number, b: number): void {
    const { world } = this;
    const state = name < "d" ? "event" : a % 2 === 0 ? "firing" : "resolved";
    const severity = SEVERITIES[b % 20 === 0 ? 3 : b % 3] ?? "error";
    const episode = state === "event" ? null : `${(a >> 1) % 2}`;
    const count = 1 + (b % 3);
    this.#sent += count;
    const { canceled } = world.hear(signal(name, { state, episode, severity, count, at: world.wall - (a % 100) }));
    if (canceled.length > 0) this.#saw("canceled");
  }

  #open(group: Group, refuse: boolean): void {
    const { world } = this;
    const free = group.released || bypasses(group, world.policy);
    const { jobId } = world.open(group.fingerprint, refuse ? { job: { refused: "no" } } : {});
    if (jobId === null) return;
    if (group.job?.id === jobId) return;
    this.#saw(free ? "bypassed" : "opened");
    if (free) return;
    expect(Object.keys(world.tally.open).length).toBeLessThanOrEqual(2);
    const hour = world.events.filter(({ type, at }) => type === "group.opened" && at > world.wall - HOUR);
    expect(hour.length).toBeLessThanOrEqual(3);
  }

  #check(before: ReadonlyMap<string, Group>, { what, name }: Roll): void {
    const { groups, tally, state } = this.world;
    expect(tally.received).toBe(this.#sent);
    expect(tally.filtered + tally.grouped + tally.overflow).toBe(this.#sent);
    if (tally.overflow > 0) this.#saw("overflow");
    const stages = (stage: Group["stage"]): number => groups.filter((group) => group.stage === stage).length;
    const counted = { groups: tally.groups, due: tally.due, held: tally.held };
    expect(counted).toEqual({ groups: groups.length, due: stages("due"), held: stages("held") });
    const open = groups.filter(hasOpenJob).map(({ fingerprint, job }) => [fingerprint, job?.id]);
    expect(tally.open).toEqual(Object.fromEntries(open));
    for (const group of groups) {
      const { fingerprint, stage, hold, line, wakeAt } = group;
      this.#saw(hold?.reason ?? stage);
      if (group.regressed) this.#saw("regressed");
      const live = [...state.jobs.keys()].filter((id) => id.startsWith(`s.${fingerprint}.`));
      expect(live.length).toBeLessThanOrEqual(1);
      expect(stage === "held").toBe(hold !== null);
      if (stage === "open") expect(hasOpenJob(group)).toBe(true);
      // Whoever waits has a place in line, an hour at which it is looked at, or a person or setting to wait for.
      if (stage === "due") expect(line).not.toBe(null);
      if (stage === "pending") expect(wakeAt).not.toBe(null);
      if (stage === "held") expect(line !== null || wakeAt !== null || hold?.reason === "refused").toBe(true);
    }
    for (const [fingerprint, old] of before) {
      const now = groups.find((group) => group.fingerprint === fingerprint);
      if (old.job?.endedAt != null && now?.job?.id === old.job.id && hasOpenJob(now)) this.#saw("reopened");
      if (old.stage !== "held" && old.stage !== "due") continue;
      expect(now).toBeDefined();
      // Out of the line it goes by a job, by its own word that it is over, or by a person; a flap is such a word.
      if (now === undefined || ["held", "due", "open"].includes(now.stage)) continue;
      expect(fingerprint === name && ["hear", "mute", "resolve"].includes(what)).toBe(true);
    }
  }
}

test("limits, places, counts and whoever waits are right after every command", () => {
  const seen = new Map<string, number>();
  const saw = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(fc.array(roll, { minLength: 60, maxLength: 120, size: "max" }), (life) => {
      const source = new SourceLife(saw);
      for (const one of life) source.roll(one);
    }),
    { numRuns: 100, seed: 20_261_123, endOnFailure: false },
  );
  expect(MUST_HAPPEN.filter((what) => (seen.get(what) ?? 0) < 2)).toEqual([]);
}, 60_000);
