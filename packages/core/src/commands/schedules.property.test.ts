/**
 * A schedule keeps its promises in any life: clocks that bring the same slots, late and again, people who trigger,
 * backfill, pause and change, jobs that end in every way, and a queue that is full now and then. After each command what
 * is stored is held against the rules of its overlap; a command that is refused changes nothing.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { HiveError } from "../errors.ts";
import { SUCCESS, World, failure, newJob } from "../queue.fixture.ts";
import { BUFFERED_MAX, OVERLAPS, type Overlap, type PlannedSlot, type SlotRecord } from "../schedule.ts";
import { Clockwork, MINUTE_MS, at, planned, slotAt } from "../schedule.fixture.ts";

const ACTS = [
  ...[
    "tick",
    "tick",
    "tick",
    "tick",
    "late",
    "again",
    "buffered",
    "buffered",
    "work",
    "work",
    "settle",
    "settle",
    "lost",
  ],
  ...["trigger", "backfill", "pause", "resume", "put", "cancel", "retry", "fill", "empty", "remove", "restart"],
] as const;

interface Roll {
  readonly act: (typeof ACTS)[number];
  readonly a: number;
  readonly b: number;
}

const number = fc.noBias(fc.nat(999));
const rolls = fc.array(fc.record({ act: fc.constantFrom(...ACTS), a: number, b: number }), {
  minLength: 60,
  maxLength: 90,
  size: "max",
});

class Life {
  readonly world = new World({ maxWaiting: 6 });
  readonly #clock: Clockwork;
  readonly #saw: (what: string) => void;
  readonly #overlap: Overlap;
  /** The jobs of slots, and how many the clock made. */
  readonly #jobs = new Map<number, string>();
  #settings = 1;
  /** The slot the clock was at when a second clock last looked. */
  #stale = 0;

  constructor(overlap: Overlap, saw: (what: string) => void) {
    this.#overlap = overlap;
    this.#saw = saw;
    this.#clock = new Clockwork(this.world, this.#rules(7), overlap);
  }

  roll({ act, a, b }: Roll): void {
    // What is stored is never changed in place: the same documents are the same store.
    const stored = [...this.world.store];
    const memory = [...this.world.state.jobs];
    try {
      this.#do(act, a, b);
    } catch (error) {
      if (!(error instanceof HiveError)) throw error;
      this.#saw(error.code);
      mustBeSame([...this.world.store], stored, `a refused ${act} (${error.code}) changes nothing`);
      mustBeSame([...this.world.state.jobs], memory, `a refused ${act} (${error.code}) changes no job`);
    }
    this.#check();
  }

  #do(act: Roll["act"], a: number, b: number): void {
    const { world } = this;
    const clock = this.#clock;
    const stored = world.store.get(`schedules/${clock.id}`);
    if (stored === undefined) return void clock.put(`${this.#settings}`, this.#rules(b), 100);
    const { next, buffered, open } = clock.schedule;
    const n = next === null ? a % 50 : (next.slot - slotAt(0)) / MINUTE_MS;
    switch (act) {
      case "tick":
        this.#stale = n;
        return void clock.fire(this.#slots(n, 1 + (a % 3)), { from: slotAt(n), next: at(n + 1 + (a % 3)) });
      case "late":
        return void clock.fire(this.#slots(n, 2 + (a % 5), "missed"), { from: slotAt(n), next: at(n + 2 + (a % 5)) });
      case "again":
        return void clock.fire(this.#slots(this.#stale, 1), { from: slotAt(this.#stale), next: at(this.#stale + 1) });
      case "buffered":
        return void clock.ask(
          "clock",
          buffered.slice(0, 1 + (a % 2)).map((slot) => this.#slot(slot)),
        );
      case "trigger":
        return void clock.ask(`trigger:ann`, [this.#slot(slotAt(n) + 1 + a)], b % 2 === 0 ? "allow" : undefined);
      case "backfill": {
        const overlap = OVERLAPS[b % OVERLAPS.length] ?? "skip";
        return void clock.ask("backfill:ann", this.#slots(n - 1 - (a % 8), 1 + (a % 8)), overlap);
      }
      case "work": {
        const lease = world.claim("bee");
        if (lease === null) return;
        world.beat(lease);
        world.finish(lease, a % 3 === 0 ? failure("work") : SUCCESS);
        return;
      }
      case "settle":
      case "lost":
        return void clock.settle(open[a % Math.max(1, open.length)] ?? "nobody");
      case "pause":
        return void clock.pause(true);
      case "resume":
        return void clock.pause(false, at(n + 1), b % 5 === 0 ? 1 : null);
      case "put":
        this.#settings += 1;
        return void clock.put(`${this.#settings}`, this.#rules(b), n + (a % 3));
      case "cancel":
        return void world.do({
          type: "cancel",
          jobId: open[a % Math.max(1, open.length)] ?? "nobody",
          by: "ann",
          reason: "",
        });
      case "retry":
        return void world.do({
          type: "retry",
          jobId: this.#clock.records.at(-1 - (a % 4))?.jobId ?? "nobody",
          by: "ann",
        });
      case "fill":
        return void world.enqueue(
          newJob(`other-${a}`, { approval: "start" }),
          newJob(`other-${b}`, { approval: "start" }),
        );
      case "empty":
        for (const [id, job] of world.state.jobs) {
          if (job.approval === "start") world.do({ type: "cancel", jobId: id, by: "ann", reason: "" });
        }
        return;
      case "remove":
        if (a % 5 === 0) world.do({ type: "removeSchedule", id: clock.id, by: "ann" });
        return;
      case "restart":
        return world.restart();
    }
  }

  #rules(b: number) {
    return { overlap: this.#overlap, maxRuns: b % 4 === 0 ? 2 : null, pauseAfterFailures: b % 3 === 0 ? 2 : null };
  }

  #slots(n: number, many: number, older?: "missed"): readonly PlannedSlot[] {
    return Array.from({ length: many }, (_, place) =>
      older !== undefined && place < many - 1
        ? { slot: slotAt(n + place), skip: older, message: null }
        : planned(n + place, {}, this.#clock.id),
    );
  }

  #slot(slot: number): PlannedSlot {
    return { slot, jobs: [newJob(`${this.#clock.id}.${(slot - slotAt(0)) / MINUTE_MS}`)] };
  }

  #check(): void {
    const { world } = this;
    const records = this.#clock.records;
    this.#oneJobEach(records);
    const stored = world.store.get(`schedules/${this.#clock.id}`);
    const waiting = records.filter(({ outcome }) => outcome === "buffered").map(({ slot }) => slot);
    if (stored === undefined) return expect(waiting).toEqual([]);
    const { buffered, rules, runs, next, paused, open } = this.#clock.schedule;
    expect(buffered.toSorted((x, y) => x - y)).toEqual(waiting);
    expect(buffered.length).toBeLessThanOrEqual(BUFFERED_MAX);
    if (rules.maxRuns !== null) expect(runs > rules.maxRuns && next !== null).toBe(false);
    if (paused !== null) expect(next).toBeNull();
    const alive = open.filter((id) => world.state.jobs.has(id));
    const live = [...this.#jobs.values()].filter((id) => world.state.jobs.has(id));
    for (const id of alive) expect(live).toContain(id);
  }

  #oneJobEach(records: readonly SlotRecord[]): void {
    for (const { slot, outcome, reason, jobId } of records) {
      this.#saw(reason ?? outcome);
      const known = this.#jobs.get(slot);
      if (known !== undefined) expect(jobId).toBe(known);
      if (jobId === null) continue;
      expect(outcome).toBe("job");
      this.#jobs.set(slot, jobId);
    }
    expect(new Set(this.#jobs.values()).size).toBe(this.#jobs.size);
  }

  /** Every job the clock made, with what was alive of the schedule right before. */
  overlapsOfTheClock(): readonly string[] {
    const broken: string[] = [];
    const live = new Set<string>();
    for (const { type, jobId, data } of this.world.events) {
      if (type === "schedule.changed" && data["change"] === "removed") live.clear();
      if (jobId === null || !jobId.startsWith(`${this.#clock.id}.`)) continue;
      if (["job.succeeded", "job.failed", "job.canceled"].includes(type)) live.delete(jobId);
      if (type !== "schedule.fired") continue;
      if (data["by"] === "clock" && live.size > 0) broken.push(`${jobId} beside ${[...live].join(", ")}`);
      live.add(jobId);
    }
    return broken;
  }
}

function mustBeSame<T>(
  now: readonly (readonly [string, T])[],
  before: readonly (readonly [string, T])[],
  what: string,
): void {
  const differ =
    now.length !== before.length || now.some(([key, value], n) => before[n]?.[0] !== key || before[n]?.[1] !== value);
  expect(differ, what).toBe(false);
}

test.each(OVERLAPS)("with the overlap %s, in any order of all that can happen", (overlap) => {
  const seen = new Map<string, number>();
  const saw = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  let overlaps = 0;
  fc.assert(
    fc.property(rolls, (life) => {
      const one = new Life(overlap, saw);
      for (const roll of life) one.roll(roll);
      const beside = one.overlapsOfTheClock();
      if (overlap !== "allow" && overlap !== "cancel_other") expect(beside).toEqual([]);
      overlaps += beside.length;
    }),
    { numRuns: 40, seed: 20_261_123 },
  );
  const must = ["job", "missed", "stale_schedule", "queue_full", "paused", "limit", "buffered"];
  const only = {
    skip: ["overlap"],
    buffer_one: ["buffer_full"],
    buffer_all: [],
    allow: [],
    cancel_other: [],
  } as const satisfies Record<Overlap, readonly string[]>;
  expect([...must, ...only[overlap]].filter((what) => (seen.get(what) ?? 0) < 5)).toEqual([]);
  if (overlap === "allow") expect(overlaps).toBeGreaterThan(20);
});

test("what a hundred clients put at once is one schedule", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 100, maxLength: 100 }), (clients) => {
      const world = new World();
      const clock = new Clockwork(world);
      const changes = clients.map((settings) => clock.put(`${settings}`, {}, settings).change);
      const moves = clients.filter((settings, n) => settings !== (clients[n - 1] ?? 1)).length;
      expect(changes.filter((change) => change === "changed")).toHaveLength(moves);
      expect([...world.store.keys()].filter((key) => key.startsWith("schedules/"))).toEqual(["schedules/nightly"]);
      expect(clock.schedule).toMatchObject({ revision: 1 + moves, specHash: `${clients.at(-1)}` });
    }),
    { numRuns: 20, seed: 20_261_123 },
  );
});

test("a backfill of two days makes each job once, however often it is asked for", () => {
  const clock = new Clockwork(new World(), { overlap: "skip" });
  const days = Array.from({ length: 48 }, (_, n) => planned(n - 48));
  clock.ask("backfill:ann", days, "allow");
  const [before, jobs] = [clock.records, clock.world.state.counts.queued];
  clock.ask("backfill:bob", days, "allow");
  expect([clock.records, clock.world.state.counts.queued]).toEqual([before, jobs]);
  expect([jobs, clock.schedule.runs, clock.schedule.next]).toEqual([48, 0, at(0)]);
});
