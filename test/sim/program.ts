/**
 * One program of the simulated world: it can be stopped for a while (SIGSTOP, a frozen machine) and killed. What would
 * reach it while it is stopped waits outside; a dead program is reached by nothing, so its promises simply never go on.
 */

import type { Dice } from "./dice.ts";
import type { Time } from "./time.ts";

interface Waiting {
  readonly kind: "timer" | "message";
  readonly run: () => void;
}

/** The program, and its clock: the same for the dispatcher's parts and for the worker's loops. */
export class Program {
  readonly name: string;
  readonly #time: Time;
  readonly #dice: Dice;
  #state: "running" | "stopped" | "dead" = "running";
  #waiting: Waiting[] = [];

  constructor(name: string, time: Time, dice: Dice) {
    this.name = name;
    this.#time = time;
    this.#dice = dice;
  }

  readonly mono = (): number => this.#time.now;
  readonly wall = (): number => this.#time.wall();
  readonly random = (): number => this.#dice.roll();
  readonly after = (ms: number, run: () => void): (() => void) => {
    let wanted = true;
    const timer = { kind: "timer" as const, run: () => wanted && run() };
    const takeBack = this.#time.after(ms, () => this.#reach(timer));
    return () => {
      wanted = false;
      takeBack();
    };
  };

  get isDead(): boolean {
    return this.#state === "dead";
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Something from outside reaches the program: now, when it goes on, or never. */
  receive(run: () => void): void {
    this.#reach({ kind: "message", run });
  }

  /** A pause in its own life. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
  }

  /** Goes on: what was due meanwhile fires first, then what had arrived; each in no order that could be relied on. */
  goOn(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    const waiting = this.#waiting;
    this.#waiting = [];
    const timers = this.#dice.shuffled(waiting.filter(({ kind }) => kind === "timer"));
    const messages = this.#dice.shuffled(waiting.filter(({ kind }) => kind === "message"));
    for (const one of [...timers, ...messages]) {
      this.#time.after(0, () => this.#reach(one));
    }
  }

  kill(): void {
    this.#state = "dead";
    this.#waiting = [];
  }

  #reach(what: Waiting): void {
    if (this.#state === "running") what.run();
    else if (this.#state === "stopped") this.#waiting.push(what);
  }
}
