/**
 * Choosing one of several candidates once all of them are over, and what becomes of their parent then: it goes to the
 * queue to be published, to a person who chooses, or it failed because none will do.
 */

import type { CandidateFacts } from "./candidate-facts.ts";
import { readCandidates } from "./candidate-facts.ts";
import { candidateId } from "./candidates.ts";
import type { Job, Run } from "./job.ts";
import { rung } from "./ladder.ts";
import type { Step } from "./step.ts";
import { endJob } from "./terminate.ts";
import { move } from "./transitions.ts";

/** Why a job failed whose candidates were all of no use. */
export const NONE_FIT = "candidates_failed";

/** What is published, and whose decision that is. */
export interface Choice {
  readonly n: number;
  readonly by: string;
  /** In words, for people. */
  readonly why: string;
}

/**
 * The best candidate by the rule, or null when none will do. It ended well, which its tests have to; one that changed
 * something goes before one that found nothing to do; then the smaller diff, the lower cost (an unknown one is the
 * highest), the shorter time and the lower number decide.
 */
export function bestOf(facts: readonly CandidateFacts[]): Pick<Choice, "n" | "why"> | null {
  const passed = facts.filter((one) => one.status === "succeeded" && one.choosable);
  const [best, second] = passed.toSorted(byRule);
  if (best === undefined) return null;
  const among = `${passed.length} of ${facts.length} candidates ended well`;
  if (second === undefined) return { n: best.n, why: `${among}: it is the only one` };
  const decided = CRITERIA.find(({ of }) => of(best) !== of(second));
  const why = decided === undefined ? "it is the first of equals" : decided.why(best, second);
  return { n: best.n, why: `${among}; ${why}` };
}

interface Criterion {
  /** Lower is better. */
  readonly of: (facts: CandidateFacts) => number;
  readonly why: (best: CandidateFacts, second: CandidateFacts) => string;
}

const CRITERIA: readonly Criterion[] = [
  { of: ({ result }) => (result?.commit == null ? 1 : 0), why: () => "it is the one that changed something" },
  {
    of: ({ lines }) => lines ?? Number.POSITIVE_INFINITY,
    why: (best, second) => `its diff is the smaller one (${best.lines} lines, the next ${second.lines ?? "unknown"})`,
  },
  {
    of: costOf,
    why: (best, second) => `its diff is as small as any and it cost less (${money(best)}, the next ${money(second)})`,
  },
  {
    of: ({ ms }) => ms ?? Number.POSITIVE_INFINITY,
    why: (best, second) => `with the same diff and cost it was faster (${best.ms} ms, the next ${second.ms ?? "?"} ms)`,
  },
];

function byRule(a: CandidateFacts, b: CandidateFacts): number {
  for (const { of } of CRITERIA) if (of(a) !== of(b)) return of(a) < of(b) ? -1 : 1;
  return a.n - b.n;
}

/** A sum in which calls of unknown price are missing is not known either. */
function costOf({ usage }: CandidateFacts): number {
  return usage?.costUsd == null || (usage.unpricedCalls ?? 0) > 0 ? Number.POSITIVE_INFINITY : usage.costUsd;
}

function money(facts: CandidateFacts): string {
  const cost = costOf(facts);
  return cost === Number.POSITIVE_INFINITY ? "unknown" : `${cost} USD`;
}

/** Decides about a parent all of whose candidates are over. Gives it as it is now. */
export function decide(step: Step, parent: Job): Job {
  const facts = readCandidates(step, parent);
  const best = bestOf(facts);
  const pushed = facts.filter(({ choosable, result }) => choosable && result?.commit != null);
  if (parent.candidates?.choose === "person" && pushed.length > 0) {
    const data = { candidates: pushed.map(({ n }) => n) };
    return move(step, parent, { status: "held", reason: "choice", hold: "choice" }, { data });
  }
  if (best !== null) return publishChosen(step, parent, { ...best, by: "rule" });
  const message = `none of the ${facts.length} candidates will do: ${facts.map(inWords).join("; ")}`;
  const to = { status: "failed", reason: NONE_FIT, candidates: withWhy(parent, { why: message }) } as const;
  return endJob(step, parent, to, { data: { error: { code: NONE_FIT, kind: "work", message } } });
}

function inWords({ n, status, reason, result }: CandidateFacts): string {
  const pushed = result?.commit == null ? "" : `, pushed ${result.branch}`;
  return `${n} ${status}${reason === null ? "" : ` (${reason})`}${pushed}`;
}

/** Sends the parent to be published with this candidate. One that is over already begins a new generation. */
export function publishChosen(step: Step, parent: Job, { n, by, why }: Choice): Job {
  const jobId = candidateId(parent.id, n);
  const chosen = readCandidates(step, parent).find((one) => one.n === n);
  step.event("job.chosen", parent, { candidate: n, candidateId: jobId, by, message: why });
  const candidates = withWhy(parent, { chosen: n, why });
  // What people say to the job afterwards is for the agent that did the work.
  const agent = chosen?.agent ?? parent.agent;
  const next = { hold: null, waitsFor: [], candidates, agent } as const;
  const place = rung({ ...parent, ...next }, step.now.wall);
  if (parent.status !== "failed") return move(step, parent, { ...next, ...place });
  const order = step.state.nextOrder;
  step.state.nextOrder += 1;
  const generation = parent.generation + 1;
  return move(step, step.state.compact(parent), { ...next, ...place, order, generation, run: fresh(parent.run) });
}

/** A new generation begins with nothing counted; the fence goes on rising. */
function fresh(run: Run | null): Run | null {
  return run === null ? null : { ...run, attempts: 0, failures: 0, losses: 0, returns: 0, lease: null, cancel: null };
}

function withWhy(parent: Job, what: Partial<NonNullable<Job["candidates"]>>): NonNullable<Job["candidates"]> {
  if (parent.candidates == null) throw new Error(`job ${parent.id} has no candidates`);
  return { ...parent.candidates, ...what };
}
