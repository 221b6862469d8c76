/**
 * The store's bad days: what happens to commits, reads and renewals of one dispatcher's process. A disk fails and is
 * slow; a store over a network may also be out of reach, so that nothing gets there, or no answer comes back.
 */

import type { MemoryFaults } from "../../apps/dispatcher/src/store/memory/memory-store.ts";
import { dice, type Dice } from "./dice.ts";
import type { Program } from "./program.ts";
import type { World } from "./world.ts";

/** Milliseconds before a dispatcher gives up an answer of the store. */
const PATIENCE_MS = 1_200;

export class StoreFaultsOfWorld {
  readonly #world: World;
  readonly #dice: Dice;
  /** Dispatchers, by name, that do not reach the store, or hear nothing of it. */
  readonly #cut = new Map<string, "away" | "deaf">();

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "disk");
  }

  /** Cuts a dispatcher off from the store until `heal`. */
  cut(name: string, how: "away" | "deaf"): void {
    this.#cut.set(name, how);
  }

  heal(name: string): void {
    this.#cut.delete(name);
  }

  healAll(): void {
    this.#cut.clear();
  }

  /** The faults a store of this program meets. */
  of(program: Program): MemoryFaults {
    const world = this.#world;
    const chance = this.#dice;
    const never = new Promise<never>(() => {});
    const rates = () => world.rates;

    /** A question on its way: of the world's time, for it goes on while the program is stopped. */
    const goes = async (ms: number): Promise<void> => {
      await world.time.pass(ms);
      if (program.isDead) await never;
      if (this.#cut.get(program.name) !== "away") return;
      await world.time.pass(PATIENCE_MS);
      await comes(0);
      throw new Error("the disk is out of reach");
    };
    /** An answer on its way: a program that is stopped hears of it when it goes on. */
    const comes = async (ms: number): Promise<void> => {
      const isDeaf = this.#cut.get(program.name) === "deaf";
      await world.time.pass(isDeaf ? PATIENCE_MS : ms);
      await new Promise<void>((resolve) => program.receive(resolve));
      if (!isDeaf) return;
      world.counters.count("answer of the store lost");
      throw new Error("the disk did not answer in time");
    };

    return {
      beforeCommit: async () => {
        if (program.isDead) return never;
        const isSlow = chance.chance(rates().slow);
        if (isSlow) world.counters.count("commit was slow");
        await goes(isSlow ? chance.int(50, 3_000) : 0.2 + chance.roll() * 3);
        // As it is now: the trouble may be over.
        const { crashBefore, failsBefore, landsLate, renewalLate } = rates();
        if (chance.chance(crashBefore)) {
          world.counters.count("crashed before a commit");
          world.replicas.crash(program);
          return never;
        }
        if (chance.chance(failsBefore)) {
          world.counters.count("commit failed without a trace");
          throw new Error("the disk refused");
        }
        if (chance.chance(landsLate)) {
          // With several dispatchers: perhaps in the time of another queen.
          const landsAfter = world.time.pass(chance.int(1, renewalLate > 0 ? 4_000 : 400));
          void landsAfter.then(() => world.counters.count("commit landed after its error"));
          return { failsWith: new Error("the disk did not answer in time"), landsAfter };
        }
        return undefined;
      },
      afterCommit: async () => {
        if (program.isDead) return never;
        if (chance.chance(rates().crashAfter)) {
          world.counters.count("crashed after a commit");
          world.replicas.crash(program);
          return never;
        }
        if (chance.chance(rates().failsAfter)) {
          world.counters.count("commit landed and then failed");
          throw new Error("the disk took it and then failed");
        }
        await comes(chance.roll());
        return undefined;
      },
      beforeRead: async () => {
        if (program.isDead) return never;
        if (this.#cut.has(program.name)) await goes(1);
        if (chance.chance(rates().readFails)) {
          world.counters.count("read failed");
          throw new Error("the disk could not be read");
        }
        if (chance.chance(rates().readSlow) || this.#cut.has(program.name)) await comes(chance.roll() * 40);
        return undefined;
      },
      beforeElection: async () => {
        if (program.isDead) return never;
        await goes(chance.chance(rates().renewalLate) ? chance.int(100, 2_000) : chance.roll() * 20);
        if (chance.chance(rates().renewalLost)) throw new Error("the disk refused");
        return undefined;
      },
      afterElection: async () => {
        await comes(chance.roll() * 5);
        if (!chance.chance(rates().renewalLost)) return undefined;
        world.counters.count("election whose answer was lost");
        throw new Error("the disk did not answer in time");
      },
      beforeRenewal: async () => {
        if (program.isDead) return never;
        const isLate = chance.chance(rates().renewalLate);
        if (isLate) world.counters.count("renewal was late");
        await goes(isLate ? chance.int(100, 2_000) : 0.2 + chance.roll() * 3);
        if (!chance.chance(rates().renewalLost)) return undefined;
        world.counters.count("renewal lost");
        throw new Error("the disk refused");
      },
      afterRenewal: async () => {
        await comes(chance.roll());
        if (!chance.chance(rates().renewalLost)) return undefined;
        world.counters.count("renewal lost");
        throw new Error("the disk did not answer in time");
      },
    };
  }
}
