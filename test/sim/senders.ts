/**
 * Who tells Hive of trouble: senders that deliver until they are answered, and once more now and then, logs that grow,
 * and people who mute, resolve and release what they see. What was told is noted in the history, and nothing else is.
 */

import type { CommandOf, Severity, Signal } from "@hive/core";
import { dice, type Dice } from "./dice.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { isOfTheNetwork } from "./network.ts";
import { Program } from "./program.ts";
import { FLOOD } from "./rules.ts";
import type { World } from "./world.ts";

/** Milliseconds between two lines of a log, and between two deliveries on average. */
const LINE_MS = 250;
const DELIVERY_MS = 400;
const FINGERPRINTS = ["fa", "fb", "fc", "fd", "fe", "ff"] as const;

export class Senders {
  readonly sources: readonly string[];
  readonly #world: World;
  readonly #dice: Dice;
  readonly #people: Program;
  readonly #untold = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "senders");
    this.#people = new Program("people of sources", world.time, dice(world.seed, "people of sources"));
    const count = world.scenario.sources ?? 0;
    this.sources = Array.from({ length: count }, (_, n) => `${n % 2 === 0 ? "hook" : "log"}-${n}`);
  }

  start(): void {
    for (const source of this.sources) {
      if (source.startsWith("hook")) this.#send(source, 0);
      else this.#write(source, 0);
      this.#meddle(source);
    }
  }

  /** Did the server take all that the senders of this source have? */
  allTold(source: string): boolean {
    return (this.#untold.get(source) ?? 0) === 0;
  }

  /** Lines that the log of this source has by now; 0 for those that are told. */
  linesOf(source: string): number {
    if (!source.startsWith("log")) return 0;
    return Math.floor(Math.min(this.#world.time.now, this.#world.scenario.troubleMs) / LINE_MS);
  }

  #send(source: string, n: number): void {
    const { time } = this.#world;
    time.after(this.#dice.int(1, 2 * DELIVERY_MS), () => {
      if (!this.#world.inTrouble) return;
      void this.#deliver(source, `d${n}`);
      this.#send(source, n + 1);
    });
  }

  /** One delivery, until it is taken. */
  async #deliver(source: string, id: string): Promise<void> {
    const { time, history, seed } = this.#world;
    const program = new Program(`sender of ${source}/${id}`, time, dice(seed, `${source}/${id}`));
    const wall = time.wall();
    const signals = Array.from({ length: this.#dice.int(1, 3) }, () => this.#alert(wall));
    this.#untold.set(source, (this.#untold.get(source) ?? 0) + 1);
    const receive = { type: "receive", source, id, bytes: 1, sealed: signals } as const;
    for (let again = this.#dice.chance(0.2); ; again = false) {
      try {
        const { existing } = await this.#ask(program, ({ queue }) => queue.submit<"receive">(receive));
        if (existing) this.#world.counters.count("delivery sent again");
        const counts = signals.map(({ fingerprint, count }) => ({ fingerprint, count }));
        history.add({ kind: "told", at: time.now, source, id, counts });
        if (!again) break;
      } catch (error) {
        if (!isOfTheNetwork(error)) this.#world.trouble("a sender broke", error);
      }
      await program.sleep(this.#dice.int(100, 1_500));
    }
    this.#untold.set(source, (this.#untold.get(source) ?? 1) - 1);
  }

  /** Something that fires, resolves or happens; of what lasts there are few times, so that words come late and twice. */
  #alert(wall: number): Signal {
    const fingerprint = this.#dice.pick(FINGERPRINTS);
    const severity = this.#dice.chance(0.03) ? "critical" : this.#dice.pick(["warning", "error"] as const);
    if (fingerprint < "fd") return signal(fingerprint, wall, { severity, count: this.#dice.int(1, 2) });
    const episode = String(Math.floor(wall / 3_000));
    return signal(fingerprint, wall, { severity, state: this.#dice.pick(["firing", "firing", "resolved"]), episode });
  }

  /** Notes each line of a log as it is written. */
  #write(source: string, from: number): void {
    const { time, history } = this.#world;
    time.after(LINE_MS, () => {
      for (let line = from; line < this.linesOf(source); line += 1) {
        const { fingerprint, count } = logLine(source, line, 0);
        history.add({ kind: "told", at: time.now, source, id: `line ${line}`, counts: [{ fingerprint, count }] });
      }
      if (this.#world.inTrouble) this.#write(source, Math.max(from, this.linesOf(source)));
    });
  }

  #meddle(source: string): void {
    const { scenario, time } = this.#world;
    const mean = scenario.every.person;
    if (mean === null) return;
    time.after(this.#dice.int(1, 4 * mean), () => {
      if (!this.#world.inTrouble) return;
      const action = this.#dice.pick(["mute", "unmute", "unmute", "resolve", "release", "release", "release"] as const);
      const until = time.wall() + this.#dice.int(100, 2_000);
      const own = { type: "controlGroup", source, fingerprint: this.#dice.pick(FINGERPRINTS), action, until } as const;
      void this.#control({ ...own, reason: "so", by: "a person", policy: FLOOD });
      this.#meddle(source);
    });
  }

  async #control(command: CommandOf<"controlGroup">): Promise<void> {
    try {
      await this.#ask(this.#people, ({ queue }) => queue.submit<"controlGroup">(command));
    } catch (error) {
      if (!isOfTheNetwork(error)) this.#world.trouble("a person of sources broke", error);
    }
  }

  #ask<T>(program: Program, ask: (dispatcher: Dispatcher) => Promise<T>): Promise<T> {
    const { replicas, scenario } = this.#world;
    return replicas.ask(program, ask, { timeoutMs: 4_000, first: this.#dice.int(0, scenario.dispatchers - 1) });
  }
}

/** A line of a log, always the same one. */
export function logLine(source: string, line: number, wall: number): Signal {
  const fingerprint = FINGERPRINTS[(line * 7 + source.length + (line % 3)) % FINGERPRINTS.length] ?? "fa";
  return signal(fingerprint, wall, { severity: "error", count: 1 + (line % 2) });
}

function signal(fingerprint: string, at: number, what: Partial<Signal> & { readonly severity: Severity }): Signal {
  const sample = { at, text: "", fields: {}, link: null };
  const event = { state: "event", episode: null, count: 1, note: false } as const;
  return { fingerprint, title: `trouble ${fingerprint}`, at, ...event, sample, ...what };
}
