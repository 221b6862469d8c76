/** Careless changes to what sources live by: counting once, the limits, and whoever waits. */

import type { Mutation } from "./mutation.ts";

const OBSERVE = "packages/core/src/commands/observe.ts";
const JOB = "packages/core/src/group-job.ts";

/** What each care is good for: without it, the scenario turns red. */
export const MUTATIONS_OF_SOURCES: readonly Mutation[] = [
  {
    name: "what was read is counted whatever cursor it went on from",
    scenario: "sources",
    seeds: 10,
    file: OBSERVE,
    edits: [["if (at !== position.version)", "if (at < 0)"]],
    promise: /I14: log-.* was told \d+ times, and counts/,
  },
  {
    name: "a delivery is counted each time it is looked at",
    scenario: "sources",
    seeds: 10,
    file: OBSERVE,
    edits: [['return delivery.state === "received" || position.replay ? delivery : null;', "return delivery;"]],
    promise: /I14: hook-.* was told \d+ times, and counts/,
  },
  {
    name: "a delivery that is sent again is a new one",
    scenario: "sources",
    seeds: 10,
    file: "packages/core/src/commands/receive.ts",
    edits: [["if (stored !== null) {", 'if (stored !== null && (stored as Delivery).state === "received") {']],
    promise: /I14: hook-.* was told \d+ times, and counts/,
  },
  {
    name: "groups are opened without a look at the limits",
    scenario: "sources",
    seeds: 15,
    file: "packages/core/src/group-rules.ts",
    edits: [["if (openLeft(tally, policy) <= others)", "if (tally.due < 0)"]],
    promise: /I14: .* that is open/,
  },
  {
    name: "jobs of the last hour are not counted",
    scenario: "sources",
    seeds: 15,
    file: "packages/core/src/group-rules.ts",
    edits: [['return hourLeft(tally, policy, now) <= others ? "per_hour" : null;', "return null;"]],
    promise: /I14: .* within an hour/,
  },
  {
    name: "nobody looks again at what waits for its cooldown",
    scenario: "sources",
    seeds: 10,
    file: "packages/core/src/group-rules.ts",
    edits: [['"its last job ended a short while ago", cooled)', '"its last job ended a short while ago", null)']],
    promise: /I14: .* is held for a cooldown that is over/,
  },
  {
    name: "the end of a job frees no place",
    scenario: "sources",
    seeds: 5,
    file: JOB,
    edits: [["  book.closed(group.fingerprint);\n", ""]],
    promise: /I14: .* (?:is held for a place that is free|is due in the end)/,
  },
];
