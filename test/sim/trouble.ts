/** What goes wrong by itself over time: crashes, sleeps and cuts, each at its own random moments. */

import { dice } from "./dice.ts";
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

  repeat(every.dispatcherCrash, () => world.crashDispatcher());

  repeat(every.dispatcherSleep, () => {
    const program = world.dispatcherProgram;
    if (program === null || !program.isRunning) return;
    const ms = chance.int(1_000, longestSleepMs);
    if (ms > 6_000) world.counters.count("dispatcher slept");
    world.mark(`dispatcher sleeps for ${ms} ms`);
    program.stop();
    world.time.after(ms, () => program.goOn());
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
