/** Careless changes to the rules of the queue, in `packages/core`. */

import type { Mutation } from "./mutation.ts";

const HOLDER = "packages/core/src/commands/holder.ts";

/** One line that takes whatever lease the job has now for the caller's own. */
const WHOEVER = "{ ...command.lease, fence: step.state.leases.of(command.lease.jobId)?.fence ?? 0 }";

/** What each rule is good for: without it, this scenario turns red. */
export const MUTATIONS_OF_RULES: readonly Mutation[] = [
  {
    name: "every candidate starts where it likes",
    scenario: "candidates",
    seeds: 5,
    file: "packages/core/src/commands/agree-start.ts",
    edits: [["if (candidates.start !== null) return { start: candidates.start };", ""]],
    promise: /I13: .* others of/,
  },
  {
    name: "a job does not wait for its candidates to be chosen from",
    scenario: "candidates",
    seeds: 5,
    file: "packages/core/src/ladder.ts",
    edits: [["job.waitsFor.length > 0 || awaitsChoice(job)", "job.waitsFor.length > 0"]],
    promise: /I13: .* was given away to work/,
  },
  {
    name: "nobody decides about a job whose candidates are over",
    scenario: "candidates",
    seeds: 5,
    file: "packages/core/src/state.ts",
    edits: [["if (job.waitsFor.length === 0) this.undecided.add(job.id);", ""]],
    promise: /I10: .* is still blocked/,
  },
  {
    name: "budgets look at what is spent, not at what is set aside",
    scenario: "budgets",
    seeds: 20,
    file: "packages/core/src/accounts.ts",
    edits: [["spentNano + reservedNano + worst.nano >", "spentNano + worst.nano >"]],
    promise: /I8: .* although the day then has/,
  },
  {
    name: "a bill that comes twice counts twice",
    scenario: "budgets",
    seeds: 10,
    file: "packages/core/src/commands/usage.ts",
    edits: [["if (known.recent.includes(callId)) return { counted: false };", ""]],
    promise: /I8: the calls of .* are shown/,
  },
  {
    name: "an attempt that failed over a used-up quota has failed",
    scenario: "quotas",
    seeds: 10,
    file: "packages/core/src/ending.ts",
    edits: [
      ["const ending = parkedFor(run, budgeted(step, held, said));", "const ending = budgeted(step, held, said);"],
    ],
    promise: /I12/,
  },
  {
    name: "a parked job goes on at once",
    scenario: "quotas",
    seeds: 5,
    file: "packages/core/src/ending.ts",
    edits: [["runAt: stop.until, run: over", "runAt: step.now.wall, run: over"]],
    promise: /I12: .* the job is parked until/,
  },
  {
    name: "no fence check at all",
    scenario: "zombies",
    seeds: 5,
    file: HOLDER,
    edits: [
      [
        "live === undefined || job === undefined || live.fence !== lease.fence",
        "live === undefined || job === undefined",
      ],
    ],
    promise: /I5/,
  },
  {
    name: "no fence check on heartbeat",
    scenario: "zombies",
    seeds: 10,
    file: "packages/core/src/commands/heartbeat.ts",
    edits: [["mustHold(step.state, command.lease)", `mustHold(step.state, ${WHOEVER})`]],
    promise: /I5: .* sent heartbeat/,
  },
  {
    name: "no fence check on events",
    scenario: "zombies",
    seeds: 10,
    file: "packages/core/src/commands/report.ts",
    edits: [["mustHaveBegun(step.state, command.lease)", `mustHaveBegun(step.state, ${WHOEVER})`]],
    promise: /I5: .* sent events/,
  },
  {
    name: "no fence check on publish",
    scenario: "zombies",
    seeds: 10,
    file: "packages/core/src/commands/publish.ts",
    edits: [["mustHaveBegun(step.state, command.lease)", `mustHaveBegun(step.state, ${WHOEVER})`]],
    promise: /I5: .* sent publish/,
  },
  {
    name: "no fence check on finish",
    scenario: "zombies",
    seeds: 10,
    file: "packages/core/src/commands/finish.ts",
    edits: [
      ["const live = holder(state, lease) !== null;", "const live = state.leases.of(lease.jobId) !== undefined;"],
      [
        "const { lease, finishId, outcome, log } = command;",
        `const { finishId, outcome, log } = command;\n  const lease = ${WHOEVER};`,
      ],
    ],
    promise: /I3|I5/,
  },
  {
    name: "limit check dropped",
    scenario: "crowded-key",
    seeds: 5,
    file: "packages/core/src/state.ts",
    edits: [["return limit === null || (this.running.get(key) ?? 0) < limit;", "return limit === null || limit > 0;"]],
    promise: /I8/,
  },
  {
    name: "no full term after a restart",
    scenario: "restarts",
    seeds: 15,
    file: "packages/core/src/state.ts",
    edits: [
      [
        "this.leases.extend(lease, now.mono + this.rules.leaseMs, timeoutAt);",
        "this.leases.extend(lease, now.mono, timeoutAt);",
      ],
    ],
    promise: /I4|quiet/,
  },
  {
    name: "a lease that never began counts as a loss",
    scenario: "dying-workers",
    seeds: 15,
    file: "packages/core/src/ending.ts",
    edits: [
      [
        "return lease.begunAt === null ? returned(step, over, ending.message) : lost(rules, over, ending.message);",
        "return lost(rules, over, ending.message);",
      ],
    ],
    promise: /I9/,
  },
  {
    name: "losses without end",
    scenario: "dying-workers",
    seeds: 15,
    file: "packages/core/src/ending.ts",
    edits: [["run.losses >= rules.maxLosses", "run.losses >= 99"]],
    promise: /I9/,
  },
  {
    name: "ids remembered only while the job lives",
    scenario: "lost-answers",
    seeds: 15,
    file: "packages/core/src/accept-jobs.ts",
    edits: [["if (!job.idGiven) return null;", "if (!job.idGiven || !step.state.jobs.has(job.id)) return null;"]],
    promise: /I2/,
  },
  {
    name: "a late copy of a claim gives the job back",
    scenario: "lost-answers",
    seeds: 80,
    file: "packages/core/src/commands/finish.ts",
    edits: [["command.unlessBegun && live.lease.begunAt !== null", "false"]],
    promise: /I4|I3/,
  },
  {
    name: "no full term after a takeover",
    scenario: "hand-overs",
    seeds: 15,
    file: "packages/core/src/state.ts",
    edits: [
      [
        "this.leases.extend(lease, now.mono + this.rules.leaseMs, timeoutAt);",
        "this.leases.extend(lease, now.mono, timeoutAt);",
      ],
    ],
    promise: /I4|quiet/,
  },
  {
    name: "a job goes although somebody is still to be told of it",
    scenario: "short-memory",
    seeds: 15,
    file: "packages/core/src/commands/forget.ts",
    edits: [
      ['return stored !== null && (stored as CallbackRecord).state === "pending";', "return stored === undefined;"],
    ],
    promise: /I6: nobody was called back/,
  },
  {
    name: "a forgotten job that is put in again is a new one",
    scenario: "short-memory",
    seeds: 15,
    file: "packages/core/src/accept-jobs.ts",
    edits: [["(remembered(step, job.id)?.bodyHash ?? null)", "null"]],
    promise: /I2: .* was made \d+ times/,
  },
  {
    name: "a forgotten job is taken for cleared while its events and logs are there",
    scenario: "short-memory",
    seeds: 5,
    file: "packages/core/src/commands/forget.ts",
    edits: [['state: "clearing",', 'state: "clear",']],
    promise: /kept: at the end/,
  },
  {
    name: "what was said while an attempt ran is done by its success",
    scenario: "storm",
    seeds: 60,
    file: "packages/core/src/ending.ts",
    edits: [["done: comments.given }", "done: comments.count }"]],
    promise: /I11/,
  },
  {
    name: "a comment whose answer was lost is taken twice",
    scenario: "lost-answers",
    seeds: 60,
    file: "packages/core/src/commands/comment.ts",
    edits: [["if (answered !== null) return answered;", ""]],
    promise: /I11: .* is there \d+ times/,
  },
];
