/** The owner's backend: takes callbacks, or fails, hangs, or wants no more of them. It remembers every byte it was sent. */

import type { Message, Sent } from "../../apps/dispatcher/src/callbacks/deliverer.ts";
import { dice, type Dice } from "./dice.ts";
import { Program } from "./program.ts";
import type { World } from "./world.ts";

export class Receivers {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #servers = new Map<string, { readonly program: Program; readonly connections: Set<() => void> }>();
  readonly #tries = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "receivers");
  }

  /** How the deliverer sends. */
  async send(from: Program, message: Message): Promise<Sent> {
    const world = this.#world;
    const { id, body } = message;
    const { data } = JSON.parse(body) as { readonly data: { readonly jobId: string; readonly event: number } };
    const { jobId, event: n } = data;
    world.history.add({ kind: "sent", at: world.time.now, jobId, n });
    const tries = (this.#tries.get(id) ?? 0) + 1;
    this.#tries.set(id, tries);
    if (tries > 1) world.counters.count("callback retried");
    if (tries > 1 && world.replicas.lives > 1) world.counters.count("callback retried after a crash");
    const server = this.#server(new URL(message.url).host);
    const heard = (status: number | null): void =>
      world.history.add({ kind: "heard", at: world.time.now, jobId, n, status });
    try {
      const settings = { timeoutMs: 4_000 };
      const status = await world.network.call(
        from,
        () => server,
        () => this.#take(id, jobId, n, body),
        settings,
      );
      heard(status);
      return { status, retryAfter: undefined, excerpt: "" };
    } catch (error) {
      heard(null);
      return { status: null, error: error instanceof Error ? error.message : String(error) };
    }
  }

  async #take(messageId: string, jobId: string, n: number, body: string): Promise<number> {
    const world = this.#world;
    const { fails, hangs, refusesForGood } = world.inTrouble
      ? world.scenario.receivers
      : { fails: 0, hangs: 0, refusesForGood: 0 };
    const status = this.#dice.chance(hangs)
      ? null
      : this.#dice.chance(fails)
        ? this.#dice.pick([500, 503, 404])
        : this.#dice.chance(refusesForGood)
          ? 410
          : 200;
    world.history.add({ kind: "called", at: world.time.now, messageId, jobId, n, body, status });
    return status ?? (await new Promise<never>(() => {}));
  }

  #server(host: string) {
    const known = this.#servers.get(host);
    if (known !== undefined) return known;
    const program = new Program(host, this.#world.time, dice(this.#world.seed, host));
    const server = { program, connections: new Set<() => void>() };
    this.#servers.set(host, server);
    return server;
  }
}
