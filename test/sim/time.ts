/**
 * Virtual time. Nothing in a run waits for the machine: what is due next happens at once, in order of its time and, at
 * the same time, of its asking. After each step every promise that can go on goes on, so a run is one sequence of steps
 * that depends on its seed alone.
 */

interface Due {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

export class Time {
  /** Milliseconds since the run began. */
  now = 0;
  /** Added to the wall clock only: a jump of the machine's date. */
  wallJump = 0;
  /** Steps taken so far. */
  steps = 0;
  #order = 0;
  readonly #heap: Due[] = [];

  /** Milliseconds since 1970 as every program of the run sees it. */
  wall(): number {
    return 1_700_000_000_000 + this.now + this.wallJump;
  }

  /** Runs once after this many milliseconds; gives how to take that back. */
  after(ms: number, run: () => void): () => void {
    const due: Due = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    this.#push(due);
    return () => {
      due.run = null;
    };
  }

  /** Resolves after this many milliseconds, whatever happens to any program. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Lets time go on until this moment, or until `enough` says so after a step. */
  async runUntil(end: number, enough: () => boolean = () => false): Promise<void> {
    for (;;) {
      const due = this.#heap[0];
      if (due === undefined || due.at > end) break;
      this.#pop();
      if (due.run === null) continue;
      this.now = due.at;
      this.steps += 1;
      due.run();
      await settle();
      if (enough()) return;
    }
    this.now = Math.max(this.now, end);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(due);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !sooner(due, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      let best = left;
      if (right !== undefined && sooner(right, left)) {
        child += 1;
        best = right;
      }
      if (!sooner(best, last)) break;
      heap[place] = best;
      place = child;
    }
    heap[place] = last;
  }
}

function sooner(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** All promises that can go on have gone on: a macrotask runs only once every microtask is done. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
