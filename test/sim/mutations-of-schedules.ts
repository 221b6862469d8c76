/** Careless changes to what schedules live by: the place a firing goes on from, the one commit, the ways of overlap. */

import type { Mutation } from "./mutation.ts";

const FIRE = "packages/core/src/commands/fire-schedule.ts";
const PLAN = "packages/core/src/slot-plan.ts";

/** What each care is good for: without it, the scenario turns red. */
export const MUTATIONS_OF_SCHEDULES: readonly Mutation[] = [
  {
    name: "a firing is taken whatever slot is next",
    scenario: "schedules",
    seeds: 40,
    file: FIRE,
    edits: [["from !== null && known.next?.slot !== from", "from === undefined"]],
    promise: /I7: .* paused or gone/,
  },
  {
    name: "the records of slots are not in the commit of their jobs",
    scenario: "schedules",
    seeds: 40,
    file: "apps/dispatcher/src/queue/flusher.ts",
    edits: [
      [
        "store.commit({ election, sequence: this.#sequence, changes }).then(",
        `(async () => {
      const all = batch.changes();
      const later = all.filter((change) => change.collection === "slots");
      const now = all.filter((change) => change.collection !== "slots");
      if (now.length > 0) {
        await store.commit({ election, sequence: this.#sequence, changes: now });
        if (later.length > 0) this.#sequence += 1;
      }
      if (later.length > 0) await store.commit({ election, sequence: this.#sequence, changes: later });
    })().then(`,
      ],
    ],
    promise: /I7: .* its record says/,
  },
  {
    name: "the next slot is not in the commit of the jobs",
    scenario: "schedules",
    seeds: 40,
    file: "apps/dispatcher/src/queue/flusher.ts",
    edits: [
      [
        "store.commit({ election, sequence: this.#sequence, changes }).then(",
        `(async () => {
      const all = batch.changes();
      const later = all.filter((change) => change.collection === "schedules");
      const now = all.filter((change) => change.collection !== "schedules");
      if (now.length > 0) {
        await store.commit({ election, sequence: this.#sequence, changes: now });
        if (later.length > 0) this.#sequence += 1;
      }
      if (later.length > 0) await store.commit({ election, sequence: this.#sequence, changes: later });
    })().then(`,
      ],
    ],
    promise: /I7/,
  },
  {
    name: "a slot takes no notice of a job that is not over",
    scenario: "schedules",
    seeds: 5,
    file: PLAN,
    edits: [["schedule.open.some((id) => step.state.jobs.has(id))", "schedule.open.length > 1_000"]],
    promise: /I7: .* was not over/,
  },
  {
    name: "of the slots of one firing each has its job at once",
    scenario: "schedules",
    seeds: 40,
    file: PLAN,
    edits: [["if (live) this.#busy = true;", ""]],
    promise: /I7: .* was not over/,
  },
  {
    name: "a slot that waits is not kept",
    scenario: "schedules",
    seeds: 5,
    file: FIRE,
    edits: [["      buffered: this.#buffered,", "      buffered: known.buffered,"]],
    promise: /I7: .* waits for ever/,
  },
  {
    name: "nobody looks after a schedule whose job ended",
    scenario: "own-clock",
    seeds: 10,
    file: "apps/dispatcher/src/schedules/schedule-clock.ts",
    edits: [['} else if (effect.type === "ended") {', '} else if (effect.type === "callback") {']],
    promise: /I7: .* waits for ever/,
  },
  {
    name: "slots that wait are forgotten by a pause",
    scenario: "schedules",
    seeds: 10,
    file: "packages/core/src/commands/pause-schedule.ts",
    edits: [['dropBuffered(step, known, "paused", reason);', ""]],
    promise: /I7: .* waits for ever/,
  },
];
