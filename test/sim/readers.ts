/** A reader of the event stream: takes events as they happen and, when the dispatcher is back, what it has missed. */

import type { HiveEvent } from "@hive/core";
import type { Committer } from "../../apps/dispatcher/src/queue/committer.ts";
import { eventsFrom } from "./dispatcher.ts";
import type { World } from "./world.ts";

export class Readers {
  readonly #world: World;
  readonly #seen = new Map<number, string>();
  /** Every event up to here was seen. */
  #whole = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** An event as it happens. */
  live(event: HiveEvent): void {
    const text = JSON.stringify(event);
    // The same again says nothing new; another event under the same number does.
    if (this.#seen.get(event.id) === text) return;
    this.#seen.set(event.id, text);
    const copy = JSON.parse(text) as HiveEvent;
    this.#world.history.add({ kind: "event", at: this.#world.time.now, event: copy });
    while (this.#seen.has(this.#whole + 1)) this.#whole += 1;
  }

  /** The event of this number as it was seen last; null: never. */
  kept(id: number): HiveEvent | null {
    const text = this.#seen.get(id);
    return text === undefined ? null : (JSON.parse(text) as HiveEvent);
  }

  /** What it does not have yet, from the store. */
  async catchUp(queue: Committer): Promise<void> {
    for (const event of await eventsFrom(queue, this.#whole + 1)) this.live(event);
  }
}
