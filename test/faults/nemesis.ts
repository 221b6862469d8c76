/** What goes wrong in a run: the dispatcher is killed again and again, also while it starts, and now and then a worker. */
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import type { Dice } from "../sim/dice.ts";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import { monotonicMs, type RunHistory } from "./history.ts";
import type { Workers } from "./workers.ts";

export interface NemesisOptions {
  readonly server: HiveProcess;
  readonly workers: Workers;
  readonly history: RunHistory;
  readonly dice: Dice;
  readonly kills: number;
  readonly workerKills: number;
  /** Resolves when a client is told that its job is safe: half of the kills come in that very moment. */
  readonly nextAccepted: () => Promise<void>;
  /** The share of the work that is done, 0 to 1: the kills are spread over it. */
  readonly done: () => number;
  /** Aborted: the run failed elsewhere. */
  readonly signal: AbortSignal;
}

export interface Troubles {
  kills: number;
  /** Kills of a dispatcher that was still starting. */
  early: number;
  workerKills: number;
  /** Milliseconds from each start to readiness. */
  readonly restartMs: number[];
}

/** How far the kills may run ahead of the work. */
const AHEAD = 0.15;

/** How long to wait for somebody to be told that a job is safe. */
const PATIENCE_MS = 1_000;

/** Kills until it has killed enough. At its end the dispatcher is up. */
export async function torment(options: NemesisOptions, troubles: Troubles): Promise<void> {
  const { server, workers, history, dice, signal } = options;
  const marked = dice.shuffled(Array.from({ length: options.kills - 2 }, (_, kill) => kill + 1));
  const withWorker = new Set(marked.slice(0, options.workerKills));
  let starting: Promise<boolean> | null = null;

  const start = (): Promise<boolean> => {
    const begun = monotonicMs();
    return server.start().then(
      () => {
        troubles.restartMs.push(monotonicMs() - begun);
        history.mark("ready");
        return true;
      },
      () => false,
    );
  };

  for (let kill = 0; kill < options.kills && !signal.aborted; kill += 1) {
    const early = starting !== null && dice.chance(0.2);
    if (!early) {
      if (starting !== null && !(await starting))
        throw new Error(`the dispatcher did not start:\n${server.printed().slice(-8000)}`);
      await until("the work to go on", () => signal.aborted || options.done() >= kill / options.kills - AHEAD, {
        limitMs: 300_000,
      });
    }
    if (withWorker.has(kill)) {
      await pause(machineClock, dice.int(0, 1_500), signal);
      const place = dice.int(0, workers.count - 1);
      history.mark(`worker ${place + 1} is killed`);
      await workers.replace(place);
      troubles.workerKills += 1;
    }
    await pause(machineClock, early ? dice.int(50, 900) : dice.int(300, 4_000), signal);
    if (!early && dice.chance(0.5)) {
      await Promise.race([options.nextAccepted(), pause(machineClock, PATIENCE_MS, signal)]);
    }
    const gone = server.crash();
    history.mark("the dispatcher is killed");
    await gone;
    if (starting !== null) await starting;
    troubles.kills += 1;
    if (early) troubles.early += 1;
    starting = start();
  }
  if (starting !== null && !(await starting))
    throw new Error(`the dispatcher did not start:\n${server.printed().slice(-8000)}`);
}
