/**
 * What is not kept for ever: jobs that ended long ago or are too many, their logs, and small things that outlived their
 * use. A sweep finds what is due and takes it away in steps small enough that the queue never waits for them, with a
 * pause after each; every step may be the last before a crash, and the next sweep goes on where it was.
 *
 * Runs on the queen alone: on any other dispatcher the queue refuses, and the sweep ends until the next one.
 */

import { HiveError } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { LogStore } from "../logs/contract.ts";
import type { Queue } from "../queue/contract.ts";
import { clearForgotten } from "./clear-forgotten.ts";
import { endedBefore, forgetJobs } from "./forget-jobs.ts";
import { removeLeftovers } from "./leftovers.ts";
import { removeOldFromSources } from "./old-from-sources.ts";
import { removeLogs } from "./old-logs.ts";

/** The first sweep after a start, and the longest time between two; with up to a tenth more. In milliseconds. */
const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
/** The shortest time between two, in milliseconds. */
const OFTEN_MS = 60_000;
/** What is kept for a short time is looked for so often in that time. */
const LOOKS = 24;
const DAY_MS = 86_400_000;
/** The pause after each step of a sweep, in milliseconds: whoever waits for a commit has the store to himself then. */
const PAUSE_MS = 25;

/** How long things are kept. Days may be fractions; 0 means for ever unless said. */
export interface Keep {
  /** Days of a job after its end. */
  readonly days: number;
  /** Jobs that are over; 0: any number. */
  readonly jobs: number;
  /** Days of logs and artifacts after the job's end; 0: as long as the job. */
  readonly logDays: number;
  /** Days after a job's end in which its id is remembered, and after a request in which its Idempotency-Key is. */
  readonly idDays: number;
}

export interface RetentionOptions {
  readonly queue: Queue;
  readonly logs: Pick<LogStore, "remove">;
  readonly clock: Clock;
  readonly keep: Keep;
  /** The sources that stand in the settings; absent: not known, and what sources read is left alone. */
  readonly sources?: (() => readonly string[]) | undefined;
  /** Called when a sweep broke: for the log. */
  readonly onTrouble: (message: string, error: unknown) => void;
  /** Called after a sweep that took something away. */
  readonly onSwept?: (swept: Swept) => void;
}

/** What a sweep took away. */
export interface Swept {
  readonly jobs: number;
  /** Jobs whose logs went before them. */
  readonly logs: number;
  /** Answers, accounts, ids, events of no job, and what sources left. */
  readonly leftovers: number;
}

/** What the parts of a sweep work with. */
export interface Sweeping extends Pick<RetentionOptions, "queue" | "logs" | "clock" | "keep" | "sources"> {
  /** After each step. @throws Stopped once the sweep is to end */
  readonly pause: () => Promise<void>;
}

export interface Retention {
  start(): void;
  /** All that is due now. A second call while one runs joins it. */
  sweep(): Promise<Swept>;
  /** Waits for the step that runs. Safe to call twice. */
  stop(): Promise<void>;
}

class Stopped extends Error {
  override readonly name = "Stopped";
}

export function createRetention(options: RetentionOptions): Retention {
  const { queue, logs, clock, keep, sources, onTrouble, onSwept } = options;
  let cancelTimer = (): void => {};
  let wake = (): void => {};
  let stopped = false;
  let running: Promise<Swept> | null = null;

  const pause = async (): Promise<void> => {
    if (!stopped) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        cancelTimer = clock.after(PAUSE_MS, resolve);
      });
    }
    if (stopped) throw new Stopped("the sweep is to end");
  };

  async function sweepAll(): Promise<Swept> {
    const sweeping: Sweeping = { queue, logs, clock, keep, sources, pause };
    // What an earlier sweep began comes first.
    await clearForgotten(sweeping);
    const cutoff = await endedBefore(sweeping);
    const jobs = cutoff === null ? 0 : await forgetJobs(sweeping, cutoff);
    await clearForgotten(sweeping);
    const logsGone = await removeLogs(sweeping);
    const leftovers = (await removeLeftovers(sweeping)) + (await removeOldFromSources(sweeping));
    return { jobs, logs: logsGone, leftovers };
  }

  function sweep(): Promise<Swept> {
    running ??= sweepAll().finally(() => {
      running = null;
    });
    return running;
  }

  const everyMs = Math.min(EVERY_MS, Math.max(OFTEN_MS, shortestMs(keep) / LOOKS));

  function later(ms: number): void {
    if (!stopped) cancelTimer = clock.after(ms * (1 + clock.random() / 10), () => void run());
  }

  async function run(): Promise<void> {
    try {
      if (queue.readiness().ready) {
        const swept = await sweep();
        if (swept.jobs + swept.logs + swept.leftovers > 0) onSwept?.(swept);
      }
    } catch (error) {
      // A standby, or a store that is away: the next sweep goes on.
      const usual = error instanceof Stopped || (error instanceof HiveError && error.code !== "internal");
      if (!usual) onTrouble("old jobs could not be taken away; the next try is with the next sweep", error);
    }
    later(everyMs);
  }

  return {
    start: () => later(FIRST_MS),
    sweep,
    async stop() {
      stopped = true;
      cancelTimer();
      wake();
      await running?.catch(() => {});
    },
  };
}

/** The shortest time that jobs or their logs are kept, in milliseconds. */
function shortestMs({ days, logDays }: Keep): number {
  return DAY_MS * Math.min(...[days, logDays].filter((each) => each > 0));
}
