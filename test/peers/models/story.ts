/** A script and how far it has been played. */
import { say, type Step } from "./steps.ts";

/** Steps in order; once they are used up, `then` at every further call. */
export class Story {
  /** A call belongs to the newest story whose `when` occurs in its body: put it into the job's instructions. */
  readonly when: string;
  readonly #steps: readonly Step[];
  readonly #then: Step;
  #played = 0;

  constructor(when: string, steps: readonly Step[], then: Step = say("All done.")) {
    this.when = when;
    this.#steps = steps;
    this.#then = then;
  }

  /** Steps played so far, those of `then` included. */
  get played(): number {
    return this.#played;
  }

  next(): Step {
    const step = this.#steps[this.#played] ?? this.#then;
    this.#played += 1;
    return step;
  }
}
