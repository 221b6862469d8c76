/** What goes wrong by itself over time: crashes, sleeps and cuts, each at its own random moments. */

import { dice } from "./dice.ts";
import type { Replica } from "./replicas.ts";
import { RULES, TERM_MS } from "./rules.ts";
import type { World } from "./world.ts";

/** Begins the time of trouble. */
export function startTrouble(world: World): void {
  const { every, longestSleepMs } = world.scenario;
  const chance = dice(world.seed, "trouble");
  // Some runs are mild and some are wild.
  const pace = 0.6 + chance.roll();

  const repeat = (mean: number | null, act: () => void): void => {
    if (mean === null) return;
    world.time.after(-Math.log(1 - chance.roll()) * mean * pace, () => {
      if (!world.inTrouble) return;
      act();
      repeat(mean, act);
    });
  };

  /** Mostly the queen: what happens to a standby shows less. */
  const replica = (): Replica | undefined => {
    const { all, queen } = world.replicas;
    if (all.length === 1 || !chance.chance(0.75)) return chance.some(all);
    return all.find(({ dispatcher }) => dispatcher === queen) ?? chance.some(all);
  };

  repeat(every.dispatcherCrash, () => world.replicas.crash(replica()?.program ?? null));

  repeat(every.dispatcherSleep, () => {
    const one = replica();
    if (one?.program?.isRunning !== true) return;
    const ms = chance.int(1_000, longestSleepMs);
    if (ms > RULES.leaseMs) world.counters.count("dispatcher slept");
    world.replicas.sleep(one, ms);
  });

  repeat(every.sweep, () => void replica()?.dispatcher?.sweep());

  repeat(every.handOver, () => {
    const one = replica();
    if (one !== undefined) world.replicas.stop(one);
  });

  repeat(every.storeCut, () => {
    const one = replica();
    if (one === undefined) return;
    const how = chance.pick(["away", "deaf"] as const);
    const ms = chance.int(500, 6_000);
    if (ms > TERM_MS) world.counters.count("dispatcher cut off from the store for more than a term");
    world.mark(`${one.name} is ${how} from the store for ${ms} ms`);
    world.storeFaults.cut(one.name, how);
    world.time.after(ms, () => world.storeFaults.heal(one.name));
  });

  repeat(every.workerCrash, () => {
    const worker = chance.some(world.workers);
    if (worker === undefined || worker.program.isDead) return;
    world.counters.count("worker crashed");
    world.mark(`${worker.name} dies`);
    worker.crash();
    const { program } = worker;
    world.time.after(chance.int(50, 8_000), () => {
      if (worker.program === program) worker.start();
    });
  });

  repeat(every.workerSleep, () => {
    const worker = chance.some(world.workers.filter((one) => one.job !== null));
    if (worker === undefined || !worker.program.isRunning) return;
    const { program } = worker;
    const ms = chance.int(1_000, longestSleepMs);
    if (ms > 6_000) world.counters.count("worker slept past its term");
    world.mark(`${worker.name} sleeps for ${ms} ms`);
    program.stop();
    world.time.after(ms, () => program.goOn());
  });

  repeat(every.networkCut, () => {
    const worker = chance.some(world.workers);
    if (worker === undefined) return;
    const ms = chance.int(500, 12_000);
    world.counters.count("network cut");
    world.mark(`${worker.name} is cut off for ${ms} ms`);
    world.network.cutOff.add(worker.name);
    world.time.after(ms, () => world.network.cutOff.delete(worker.name));
  });
}
