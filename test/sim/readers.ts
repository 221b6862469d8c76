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
    this.#count(copy);
  }

  /** What it does not have yet, from the store. */
  async catchUp(queue: Committer): Promise<void> {
    for (const event of await eventsFrom(queue, this.#whole + 1)) this.live(event);
  }

  #count({ type, data }: HiveEvent): void {
    const { counters } = this.#world;
    const error = data["error"] as { readonly code?: unknown } | undefined;
    if (error?.code === "worker_lost") counters.count("lease lost");
    if (data["message"] === "the worker did not begin within 2000 ms") counters.count("lease never begun");
    if (data["retry"] === true) counters.count("retried by hand");
    if (data["hold"] === "publish" && type === "job.approved") counters.count("publish approved");
    if (type === "worker.registered") counters.count("registered again");
    if (type === "callback.dead") counters.count("callback given up");
    if (type === "job.retrying" && error?.code !== "worker_lost") counters.count("job retried by itself");
    if (type === "job.failed" && data["reason"] === "poison") counters.count("poison");
    if (type === "job.failed" && data["reason"] === "timeout") counters.count("timed out");
    if (type === "job.failed" && data["reason"] === "broken" && Number(data["attempt"]) > 1) {
      counters.count("out of attempts");
    }
    if (type === "job.canceled" && data["reason"] === "dependency_failed") counters.count("dependency failed");
  }
}
