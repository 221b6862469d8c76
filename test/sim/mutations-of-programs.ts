/** Careless changes to the dispatcher and the worker around the rules: committing, answering, electing, telling, sweeping. */

import type { Mutation } from "./mutation.ts";

const APPLIER = "apps/dispatcher/src/queue/applier.ts";
const COMMITTER = "apps/dispatcher/src/queue/committer.ts";
const FLUSHER = "apps/dispatcher/src/queue/flusher.ts";

/** What each care is good for: without it, this scenario turns red. */
export const MUTATIONS_OF_PROGRAMS: readonly Mutation[] = [
  {
    name: "no fence check on logs",
    scenario: "zombies",
    seeds: 10,
    file: "apps/dispatcher/src/http/routes/attempt-files.ts",
    edits: [["if (begunAt === undefined) throw leaseLost(jobId, fence);", ""]],
    promise: /I5/,
  },
  {
    name: "reply before commit",
    scenario: "power-cuts",
    seeds: 10,
    file: APPLIER,
    edits: [
      [
        "this.#options.flusher.whenDurable({ settle: () => item.resolve(reply), fail: item.reject }, later);",
        "item.resolve(reply);\n      this.#options.flusher.whenDurable({ settle: () => {}, fail: () => {} }, later);",
      ],
    ],
    promise: /I1|I3|taken back/,
  },
  {
    name: "uncommitted reads shown",
    scenario: "bad-disk",
    seeds: 15,
    file: COMMITTER,
    edits: [["this.#flusher.whenDurable({ settle: () => resolve(seen), fail: reject });", "resolve(seen);"]],
    promise: /taken back/,
  },
  {
    name: "uncommitted events shown",
    scenario: "power-cuts",
    seeds: 10,
    file: FLUSHER,
    edits: [
      [
        "for (const effect of effects) batch.effects.push(effect);",
        "for (const effect of effects) this.#options.emit(effect);",
      ],
    ],
    promise: /taken back/,
  },
  {
    name: "no full term after a pause",
    scenario: "sleeping-dispatcher",
    seeds: 15,
    file: COMMITTER,
    edits: [["this.#applier.state.extendAll({ mono: this.#options.clock.mono() });", "void 0;"]],
    promise: /quiet/,
  },
  {
    name: "callbacks outside the commit",
    scenario: "power-cuts",
    seeds: 20,
    file: FLUSHER,
    edits: [
      [
        "store.commit({ election, sequence: this.#sequence, changes }).then(",
        `(async () => {
      const all = batch.changes();
      const later = all.filter((change) => change.collection === "callbacks");
      const now = all.filter((change) => change.collection !== "callbacks");
      if (now.length > 0) {
        await store.commit({ election, sequence: this.#sequence, changes: now });
        if (later.length > 0) this.#sequence += 1;
      }
      if (later.length > 0) await store.commit({ election, sequence: this.#sequence, changes: later });
    })().then(`,
      ],
    ],
    promise: /I6/,
  },
  {
    name: "callbacks of a commit that landed after its error are forgotten",
    scenario: "bad-disk",
    seeds: 15,
    file: "apps/dispatcher/src/callbacks/deliverer.ts",
    edits: [['if (effect.type === "reloaded") void this.#collectAgain();', ""]],
    promise: /I6/,
  },
  {
    name: "a worker that goes on after two thirds of the term",
    scenario: "partitions",
    seeds: 80,
    file: "apps/worker/src/loops/heartbeat-loop.ts",
    edits: [["deadline = sentAt + (leaseMs * 2) / 3;", "deadline = sentAt + leaseMs * 4;"]],
    promise: /I4/,
  },
  {
    name: "answers without a commit are given without a look whether another was elected",
    scenario: "queens",
    seeds: 20,
    file: FLUSHER,
    edits: [["if (!this.busy && this.#options.tenure.store.confirmed) {", "if (!this.busy) {"]],
    promise: /linear/,
  },
  {
    name: "no election check in a commit",
    scenario: "queens",
    seeds: 60,
    file: "apps/dispatcher/src/store/memory/memory-store.ts",
    edits: [
      ["if (election.epoch !== content.epoch || election.electionId !== content.electionId) {", "if (!election) {"],
      ["if (sequence !== content.sequence + 1) {", "if (sequence < 1) {"],
    ],
    promise: /I\d|taken back|linear/,
  },
  {
    name: "a queen is followed before her term is over",
    scenario: "queens",
    seeds: 20,
    file: "apps/dispatcher/src/leader/watch.ts",
    edits: [["mono() - movedAt >= termMs)", "mono() - movedAt >= 0)"]],
    // Stale answers, and queens that follow each other without end, each of whom gives every lease a full term.
    promise: /linear|I10/,
  },
  {
    name: "jobs go as soon as they are over",
    scenario: "short-memory",
    seeds: 5,
    file: "apps/dispatcher/src/retention/forget-jobs.ts",
    edits: [["equals: {}, below: cutoff, limit", "equals: {}, limit"]],
    promise: /kept: .* ms after its last event/,
  },
];
