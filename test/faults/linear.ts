/**
 * Is there an order? Every call on one job took effect in one moment between its start and its answer, or the history is
 * not linearizable: somebody was told something that a single, correct dispatcher could not have said. The search is Wing
 * and Gong's with Lowe's memory: states that were met with the same calls done are not searched twice.
 *
 * The job is a register of few states. A lease may end by itself at any moment (it ran out), so a running job may silently
 * wait again; nothing else happens unasked. A call without an answer may have taken effect at any later moment, or never.
 */

/** What a call asked for, and, where it was answered, what the answer says of the job. */
export type Operation =
  /** The job is put in; again is the same. */
  | { readonly what: "enqueue" }
  /** A lease with this fence is given. */
  | { readonly what: "claim"; readonly fence: number }
  /** Anything only the holder of the lease may do that changes nothing here: a heartbeat, a piece of log. */
  | { readonly what: "heartbeat"; readonly fence: number }
  /** The lease ends; `status` is what the answer said the job is then. The same `id` again has the same answer. */
  | { readonly what: "finish"; readonly fence: number; readonly id: string; readonly status: string }
  /** A person's wish: what waits is canceled at once, what runs when it ends. */
  | { readonly what: "cancel" }
  /** The stream told that the job is over, under this fence (null: it says none). */
  | { readonly what: "end"; readonly fence: number | null; readonly status: string }
  /** Somebody looked; null: there was no such job. */
  | { readonly what: "read"; readonly seen: { readonly status: string; readonly fence: number } | null };

export interface Call {
  readonly operation: Operation;
  /** When it was sent. */
  readonly from: number;
  /** When it was answered; of an outcome nobody knows: infinity. */
  readonly to: number;
  readonly outcome: "ok" | "refused" | "unknown";
}

interface Register {
  readonly phase: "absent" | "waiting" | "running" | "over";
  /** The highest that was given. */
  readonly fence: number;
  /** Once over. */
  readonly status: string;
  readonly canceling: boolean;
  /** Finishes that were taken: `fence id status`. */
  readonly finishes: readonly string[];
}

const ABSENT: Register = { phase: "absent", fence: 0, status: "", canceling: false, finishes: [] };
const ENDS: ReadonlySet<string> = new Set(["succeeded", "failed", "canceled"]);

/** The states this call may lead to from here; none: it cannot have happened here. */
function after(state: Register, { operation, outcome }: Call): readonly Register[] {
  if (outcome === "refused") return afterRefusal(state, operation);
  switch (operation.what) {
    case "enqueue":
      return [state.phase === "absent" ? { ...ABSENT, phase: "waiting" } : state];
    case "claim":
      if (state.phase === "absent" || state.phase === "over" || operation.fence <= state.fence) return [];
      return [{ ...state, phase: "running", fence: operation.fence }];
    case "heartbeat":
      return holds(state, operation.fence) ? [state] : [];
    case "finish":
      return afterFinish(state, operation);
    case "cancel":
      if (state.phase === "absent") return [];
      if (state.phase === "waiting") return [{ ...state, phase: "over", status: "canceled" }];
      return [state.phase === "running" ? { ...state, canceling: true } : state];
    case "end":
      return afterEnd(state, operation);
    case "read":
      return seenHere(state, operation.seen);
    default:
      return operation satisfies never;
  }
}

function holds(state: Register, fence: number): boolean {
  return state.phase === "running" && state.fence === fence;
}

/** Whoever holds the lease is refused only if it ran out in this moment. */
function afterRefusal(state: Register, operation: Operation): readonly Register[] {
  if (operation.what !== "heartbeat" && operation.what !== "finish") return [state];
  return holds(state, operation.fence) ? [{ ...state, phase: "waiting" }] : [state];
}

function afterFinish(
  state: Register,
  { fence, id, status }: Extract<Operation, { readonly what: "finish" }>,
): readonly Register[] {
  const name = `${fence} ${id} ${status}`;
  if (state.finishes.includes(name)) return [state];
  if (!holds(state, fence)) return [];
  const finishes = [...state.finishes, name];
  if (!ENDS.has(status)) return [{ ...state, phase: "waiting", finishes }];
  return [{ ...state, phase: "over", status, finishes }];
}

function afterEnd(
  state: Register,
  { fence, status }: Extract<Operation, { readonly what: "end" }>,
): readonly Register[] {
  if (fence !== null && fence !== state.fence) return [];
  if (state.phase === "over") return state.status === status ? [state] : [];
  if (state.phase === "absent") return [];
  // What waits cannot succeed.
  if (state.phase === "waiting" && status === "succeeded") return [];
  return [{ ...state, phase: "over", status }];
}

function seenHere(state: Register, seen: Extract<Operation, { readonly what: "read" }>["seen"]): readonly Register[] {
  if (seen === null) return state.phase === "absent" ? [state] : [];
  if (state.phase === "absent" || seen.fence !== state.fence) return [];
  if (seen.status === "running") return state.phase === "running" ? [state] : [];
  if (ENDS.has(seen.status)) return state.phase === "over" && state.status === seen.status ? [state] : [];
  if (state.phase === "running") return [{ ...state, phase: "waiting" }];
  return state.phase === "waiting" ? [state] : [];
}

/** Null when an order exists; otherwise how far the best one got and which calls fit nowhere. */
export function whyNotLinear(calls: readonly Call[]): string | null {
  const sorted = calls.toSorted((one, two) => one.from - two.from);
  const search = new Search(sorted);
  return search.run(ABSENT, sorted.length === 0 ? "" : "0".repeat(sorted.length)) ? null : search.why();
}

class Search {
  readonly #calls: readonly Call[];
  readonly #met = new Set<string>();
  #best: readonly number[] = [];
  #stuck: readonly Call[] = [];
  readonly #order: number[] = [];

  constructor(calls: readonly Call[]) {
    this.#calls = calls;
  }

  /** `done`: a digit for each call, 1 once it has its place. */
  run(state: Register, done: string): boolean {
    const depth = this.#order.length;
    const found = this.#step(state, done);
    this.#order.length = depth;
    return found;
  }

  #step(start: Register, before: string): boolean {
    const key = `${before} ${JSON.stringify(start)}`;
    if (this.#met.has(key)) return false;
    this.#met.add(key);
    let done = before;
    // What can be answered here and changes nothing costs nobody a possibility: it is placed at once.
    for (let placed = true; placed; ) {
      placed = false;
      for (const n of this.#eligible(done)) {
        const [next] = after(start, this.#call(n));
        if (next !== start || this.#call(n).outcome === "unknown") continue;
        done = this.#place(done, n);
        placed = true;
      }
    }
    const open = this.#calls.filter((call, n) => done[n] === "0" && call.outcome !== "unknown");
    if (open.length === 0) return true;
    if (this.#order.length >= this.#best.length) {
      this.#best = [...this.#order];
      this.#stuck = open;
    }
    for (const n of this.#eligible(done)) {
      for (const next of after(start, this.#call(n))) {
        if (next === start) continue;
        const depth = this.#order.length;
        if (this.run(next, this.#place(done, n))) return true;
        this.#order.length = depth;
      }
    }
    return false;
  }

  #call(n: number): Call {
    const call = this.#calls[n];
    if (call === undefined) throw new RangeError(`there is no call ${n}`);
    return call;
  }

  #place(done: string, n: number): string {
    this.#order.push(n);
    return `${done.slice(0, n)}1${done.slice(n + 1)}`;
  }

  /** Calls that may be next: none of the others was answered before they were sent. */
  #eligible(done: string): readonly number[] {
    let firstAnswer = Number.POSITIVE_INFINITY;
    this.#calls.forEach(({ to }, n) => {
      if (done[n] === "0") firstAnswer = Math.min(firstAnswer, to);
    });
    return this.#calls.flatMap(({ from }, n) => (done[n] === "0" && from <= firstAnswer ? [n] : []));
  }

  why(): string {
    const placed = this.#best.slice(-6).map((n) => tell(this.#call(n)));
    const [first] = this.#stuck.toSorted((one, two) => one.to - two.to);
    const stuck = first === undefined ? "nothing" : tell(first);
    return `no order explains it: after ${placed.join(", ") || "nothing"} there is no place for ${stuck}`;
  }
}

function tell({ operation, from, to, outcome }: Call): string {
  const { what, ...details } = operation;
  const about = JSON.stringify(details).slice(1, -1).replaceAll('"', "");
  return `${what}${about === "" ? "" : `(${about})`} ${outcome} [${Math.round(from)}, ${to === Number.POSITIVE_INFINITY ? "…" : Math.round(to)}]`;
}
