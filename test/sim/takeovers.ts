/** Who leads, as the world's maker sees it, and what was under way whenever that changed: a takeover of an idle server shows little. */

import type { Happening } from "./counters.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { World } from "./world.ts";

export class Takeovers {
  readonly #world: World;
  #queen: Dispatcher | null = null;
  #gone: Happening | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** The queen was killed, or told to stop, just now. */
  gone(how: "killed" | "handed over"): void {
    this.#gone = how === "killed" ? "took over after a kill" : "took over after a hand-over";
  }

  /** This dispatcher became the queen. */
  elected(dispatcher: Dispatcher): void {
    const world = this.#world;
    const before = this.#queen;
    this.#queen = dispatcher;
    world.mark(`${dispatcher.program.name} is the queen, epoch ${dispatcher.queue.election().epoch}`);
    world.duty(dispatcher.program.name, "leads");
    const how = this.#gone ?? "took over from a queen that lives";
    this.#gone = null;
    if (before === null || before.program.name === dispatcher.program.name) return;
    world.counters.count(how);
    if (world.workers.some(({ job }) => job !== null)) world.counters.count("took over while jobs ran");
    if (world.clients.waiting > 0) world.counters.count("took over while requests waited");
  }

  /** A request came to a dispatcher that takes itself for the queen. */
  asked({ queue }: Dispatcher): void {
    const { electionId } = this.#world.disk.content;
    if (queue.election().electionId !== electionId) this.#world.counters.count("asked a queen who was deposed");
  }
}
