/**
 * Dispatchers are killed again and again, also while they start, and now and then a worker. Each is started again at once,
 * as a service manager would; where there are replicas, how long it takes until another one is the queen is measured.
 */
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { monotonicMs } from "./history.ts";
import type { LoadRun } from "./load-run.ts";

export interface NemesisOptions {
  /** SIGKILLs of dispatchers. */
  readonly kills: number;
  /** Some of them come with one of a worker. */
  readonly workerKills: number;
  /** The longest pause before a kill, in milliseconds. */
  readonly pauseMs: number;
}

export interface Troubles {
  kills: number;
  /** Kills of a dispatcher that was still starting. */
  early: number;
  workerKills: number;
  /** Milliseconds from each start until it is up. */
  readonly restartMs: number[];
  /** Milliseconds from the kill of a queen until another replica is it. */
  readonly takeoverMs: number[];
}

/** How far the kills may run ahead of the work. */
const AHEAD = 0.15;
/** How long to wait for somebody to be told that a job is safe: half of the kills come in that very moment. */
const PATIENCE_MS = 1_000;
const TAKEOVER_LIMIT_MS = 30_000;
/** A dispatcher that is still starting is killed this often, one that is not the queen so often. */
const EARLY = 0.2;
const STANDBY = 0.2;

/** Kills until it has killed enough. At its end all dispatchers are up. */
export async function torment(run: LoadRun, options: NemesisOptions): Promise<Troubles> {
  const troubles: Troubles = { kills: 0, early: 0, workerKills: 0, restartMs: [], takeoverMs: [] };
  const { world, history, signal, client } = run;
  const dice = run.dice("nemesis");
  const marked = dice.shuffled(Array.from({ length: options.kills - 2 }, (_, kill) => kill + 1));
  const withWorker = new Set(marked.slice(0, options.workerKills));
  const starting = new Map<HiveProcess, Promise<boolean>>();

  const start = (one: HiveProcess): Promise<boolean> => {
    const begun = monotonicMs();
    return one.start().then(
      () => {
        troubles.restartMs.push(monotonicMs() - begun);
        history.mark(`dispatcher ${world.servers.indexOf(one) + 1} is up`);
        return true;
      },
      () => false,
    );
  };
  const allUp = async (): Promise<void> => {
    for (const [one, up] of starting) {
      if (!(await up)) throw new Error(`a dispatcher did not start:\n${one.printed().slice(-8000)}`);
    }
    starting.clear();
  };

  for (let kill = 0; kill < options.kills && !signal.aborted; kill += 1) {
    const newest = [...starting.keys()].at(-1);
    const early = newest !== undefined && dice.chance(EARLY);
    if (!early) {
      await allUp();
      await until("the work to go on", () => signal.aborted || run.done() >= kill / options.kills - AHEAD, {
        limitMs: 300_000,
      });
    }
    if (withWorker.has(kill)) {
      await pause(machineClock, dice.int(0, 1_500), signal);
      const place = dice.int(0, world.workers.count - 1);
      history.mark(`worker ${place + 1} is killed`);
      await world.workers.replace(place);
      troubles.workerKills += 1;
    }
    await pause(machineClock, early ? dice.int(50, 900) : dice.int(300, options.pauseMs), signal);
    if (!early && dice.chance(0.5)) {
      await Promise.race([client.nextAccepted(), pause(machineClock, PATIENCE_MS, signal)]);
    }
    const queen = early ? null : await world.queen();
    const others = world.servers.filter((one) => one !== queen);
    const victim = (early ? newest : dice.chance(STANDBY) ? dice.some(others) : queen) ?? queen ?? world.servers[0];
    const killedAt = monotonicMs();
    const gone = victim.crash();
    history.mark(`dispatcher ${world.servers.indexOf(victim) + 1} is killed`);
    await gone;
    await starting.get(victim);
    troubles.kills += 1;
    if (early) troubles.early += 1;
    run.harmed(troubles.kills / options.kills);
    starting.set(victim, start(victim));
    if (victim === queen && others.length > 0) {
      await until("another dispatcher to be the queen", () => world.queen(), { limitMs: TAKEOVER_LIMIT_MS });
      troubles.takeoverMs.push(monotonicMs() - killedAt);
    }
  }
  await allUp();
  return troubles;
}
