/** The disk's bad days: what happens to commits and reads of one life of the dispatcher. */

import type { MemoryFaults } from "../../apps/dispatcher/src/store/memory/memory-store.ts";
import { dice, type Dice } from "./dice.ts";
import type { Program } from "./program.ts";
import type { World } from "./world.ts";

export class StoreFaultsOfWorld {
  readonly #world: World;
  readonly #dice: Dice;

  constructor(world: World) {
    this.#world = world;
    this.#dice = dice(world.seed, "disk");
  }

  /** The faults a store of this program meets. */
  of(program: Program): MemoryFaults {
    const world = this.#world;
    const chance = this.#dice;
    const never = new Promise<never>(() => {});
    const rates = () => world.rates;
    return {
      beforeCommit: async () => {
        if (program.isDead) return never;
        const { crashBefore, failsBefore, landsLate, slow } = rates();
        const isSlow = chance.chance(slow);
        if (isSlow) world.counters.count("commit was slow");
        // Of the world's time: a disk goes on while the program is stopped.
        await world.time.pass(isSlow ? chance.int(50, 3_000) : 0.2 + chance.roll() * 3);
        if (program.isDead) return never;
        if (chance.chance(crashBefore)) {
          world.counters.count("crashed before a commit");
          world.crashDispatcher(program);
          return never;
        }
        if (chance.chance(failsBefore)) {
          world.counters.count("commit failed without a trace");
          throw new Error("the disk refused");
        }
        if (chance.chance(landsLate)) {
          const landsAfter = world.time.pass(chance.int(1, 400));
          void landsAfter.then(() => world.counters.count("commit landed after its error"));
          return { failsWith: new Error("the disk did not answer in time"), landsAfter };
        }
        return undefined;
      },
      afterCommit: async () => {
        if (program.isDead) return never;
        if (chance.chance(rates().crashAfter)) {
          world.counters.count("crashed after a commit");
          world.crashDispatcher(program);
          return never;
        }
        if (chance.chance(rates().failsAfter)) {
          world.counters.count("commit landed and then failed");
          throw new Error("the disk took it and then failed");
        }
        // Of the program's time: a program that is stopped hears of it when it goes on.
        await program.sleep(chance.roll());
        return undefined;
      },
      beforeRead: async () => {
        if (program.isDead) return never;
        if (chance.chance(rates().readFails)) {
          world.counters.count("read failed");
          throw new Error("the disk could not be read");
        }
        if (chance.chance(rates().readSlow)) await program.sleep(chance.roll() * 40);
        return undefined;
      },
    };
  }
}
