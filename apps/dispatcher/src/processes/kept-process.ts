/**
 * Keeps one of Hive's programs there: started anew when it ends, later and later while it keeps ending. Used for the
 * LLM gateway, the way out and whatever else runs as a process beside the dispatcher.
 */

import type { Clock } from "../clock.ts";
import { type ProgramOptions, type RunningProgram, startProgram } from "./child-program.ts";

/** Milliseconds before the first new start; doubles up to the longest. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

export interface KeptProcessOptions<Ready> extends Omit<ProgramOptions<Ready>, "settings"> {
  /**
   * What the program is told at each start. `before` is what the first start said when it was ready, or null at the
   * first: a program that took a free port then is told to take the same one again.
   */
  readonly settings: (before: Ready | null) => unknown;
  readonly clock: Pick<Clock, "after" | "mono">;
  /** It ended by itself, or did not start again: one line for the log. */
  readonly onTrouble: (message: string) => void;
  /** It ended: what it was told and did not answer is not answered any more. */
  readonly onEnd?: () => void;
  /** It is there again after it was gone: whoever had told it something tells it anew. */
  readonly onRestart?: (ready: Ready) => void;
}

export interface KeptProcess<Ready> {
  /** What the first start said. */
  readonly ready: Ready;
  /** True while the process runs: false between its end and its next start. */
  running(): boolean;
  /** Writes a line to its input; false when it is not running. */
  tell(line: string): boolean;
  /** Kills the process, which hangs; another one is started. */
  kill(): void;
  /** Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts the program. @throws when its first start fails. */
export async function keepProcess<Ready>(options: KeptProcessOptions<Ready>): Promise<KeptProcess<Ready>> {
  const { settings, clock, onTrouble, onEnd, onRestart, ...program } = options;
  let stopped = false;
  let waitMs = FIRST_WAIT_MS;
  let startedAt = clock.mono();
  let takeBack = (): void => {};

  const first = await startProgram({ ...program, settings: settings(null) });
  let running: RunningProgram<Ready> | null = first;

  const watch = (process: RunningProgram<Ready>): void => {
    void process.exited.then(({ code, signal }) => {
      running = null;
      onEnd?.();
      // One that ran for long had no trouble starting: its next start need not wait for what was long ago.
      if (clock.mono() - startedAt > LONGEST_WAIT_MS) waitMs = FIRST_WAIT_MS;
      if (!stopped) again(`${options.name} ended (${signal ?? `code ${code}`})`);
    });
  };
  const again = (why: string): void => {
    onTrouble(`${why}; it is started again in ${waitMs} ms`);
    takeBack = clock.after(waitMs, () => void restart());
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  };
  const restart = async (): Promise<void> => {
    try {
      const next = await startProgram({ ...program, settings: settings(first.ready) });
      if (stopped) {
        await next.stop();
        return;
      }
      running = next;
      startedAt = clock.mono();
      watch(next);
      onRestart?.(next.ready);
    } catch (error) {
      if (!stopped) again(error instanceof Error ? error.message : String(error));
    }
  };

  watch(first);
  return {
    ready: first.ready,
    running: () => running !== null,
    tell(line) {
      running?.tell(line);
      return running !== null;
    },
    kill: () => running?.kill(),
    async stop() {
      stopped = true;
      takeBack();
      await running?.stop();
    },
  };
}
