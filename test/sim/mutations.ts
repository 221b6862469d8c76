/**
 * The simulation must bite: each mutation is one careless change to the product's source, made in a copy, and the named
 * scenario must turn red by it. A mutation whose source text is no longer there fails loudly, so that it is renewed
 * together with the code it is about.
 */

export interface Mutation {
  readonly name: string;
  readonly scenario: string;
  /** Seeds that surely show it. */
  readonly seeds: number;
  readonly file: string;
  /** Text that must be there exactly once, and what takes its place. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** What the verdict must name. */
  readonly promise: RegExp;
}

const HOLDER = "packages/core/src/commands/holder.ts";
const APPLIER = "apps/dispatcher/src/queue/applier.ts";
const COMMITTER = "apps/dispatcher/src/queue/committer.ts";
const FLUSHER = "apps/dispatcher/src/queue/flusher.ts";

/** One line that takes whatever lease the job has now for the caller's own. */
const WHOEVER = "{ ...command.lease, fence: step.state.leases.of(command.lease.jobId)?.fence ?? 0 }";

export const MUTATIONS: readonly Mutation[] = [
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
    name: "no full term after a pause",
    scenario: "sleeping-dispatcher",
    seeds: 15,
    file: COMMITTER,
    edits: [["this.#applier.state.extendAll({ mono: this.#options.clock.mono() });", "void 0;"]],
    promise: /quiet/,
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
    name: "ids remembered only while the job lives",
    scenario: "lost-answers",
    seeds: 15,
    file: "packages/core/src/commands/enqueue.ts",
    edits: [["if (!job.idGiven) return null;", "if (!job.idGiven || !step.state.jobs.has(job.id)) return null;"]],
    promise: /I2/,
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
    name: "a late copy of a claim gives the job back",
    scenario: "lost-answers",
    seeds: 80,
    file: "packages/core/src/commands/finish.ts",
    edits: [["command.unlessBegun && live.lease.begunAt !== null", "false"]],
    promise: /I4|I3/,
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
    promise: /linear/,
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
