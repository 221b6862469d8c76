/**
 * Who may send now. Callbacks of one job go out one after the other, in order; different jobs side by side, but only so
 * many to one receiver that a slow one never holds up the others.
 */

/** One receiver gets at most this many at once. */
const PER_ORIGIN = 8;
/** All receivers together. */
const IN_ALL = 64;

export class Lanes {
  #active = 0;
  readonly #byOrigin = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Runs `send` as soon as its receiver has a free place. */
  async run<T>(origin: string, send: () => Promise<T>): Promise<T> {
    if (!this.#free(origin)) {
      await new Promise<void>((resolve) => {
        const queue = this.#waiting.get(origin);
        if (queue === undefined) this.#waiting.set(origin, [resolve]);
        else queue.push(resolve);
      });
    } else {
      this.#take(origin);
    }
    try {
      return await send();
    } finally {
      this.#release(origin);
    }
  }

  #free(origin: string): boolean {
    return this.#active < IN_ALL && (this.#byOrigin.get(origin) ?? 0) < PER_ORIGIN;
  }

  #take(origin: string): void {
    this.#active += 1;
    this.#byOrigin.set(origin, (this.#byOrigin.get(origin) ?? 0) + 1);
  }

  #release(origin: string): void {
    this.#active -= 1;
    const left = (this.#byOrigin.get(origin) ?? 1) - 1;
    if (left > 0) this.#byOrigin.set(origin, left);
    else this.#byOrigin.delete(origin);
    for (const [waiting, queue] of this.#waiting) {
      if (!this.#free(waiting)) continue;
      const next = queue.shift();
      if (queue.length === 0) this.#waiting.delete(waiting);
      else {
        // To the end of the line, so that no receiver always goes first.
        this.#waiting.delete(waiting);
        this.#waiting.set(waiting, queue);
      }
      if (next === undefined) continue;
      this.#take(waiting);
      next();
      return;
    }
  }
}
