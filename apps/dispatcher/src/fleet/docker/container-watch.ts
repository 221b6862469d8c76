/**
 * Follows one container to its end and says how that came. The engine may go away and come back in between; what ended
 * while it was away ended with it, and is nobody's fault.
 */

import { constants } from "node:os";
import type { Clock } from "../../clock.ts";
import type { Exit } from "../provider.ts";
import { followLog } from "./container-log.ts";
import type { Engine } from "./engine.ts";
import { EngineError, isEngineError } from "./engine-error.ts";
import type { EngineHealth } from "./engine-health.ts";
import type { InspectedContainer } from "./engine-replies.ts";

export interface WatchOptions {
  readonly engine: Engine;
  readonly health: EngineHealth;
  readonly clock: Pick<Clock, "after">;
  readonly containerId: string;
  /** Seconds since 1970 from which on lines of its output are told. */
  readonly logSince: string;
  /** Ends the watching, not the container; the promise then rejects. */
  readonly signal: AbortSignal;
  readonly onLine: (text: string) => void;
  readonly warn: (message: string) => void;
}

/** How a container ended. */
export interface ContainerEnd extends Pick<Exit, "code" | "signal" | "outOfMemory" | "outside" | "lastWords"> {
  /** False when the engine would not remove it: it is there, and must not be told again. */
  readonly removed: boolean;
}

/** Milliseconds an ended container's log gets to be read to its end. */
const LOG_END_MS = 2_000;
/** Milliseconds before a call is repeated that an engine refused for reasons of its own. */
const REPEAT_MS = 1_000;
const REPEATS = 5;
const MAX_LAST_WORDS = 1_000;
/** What an engine writes down for a container that it found dead when it started: nobody saw it end. */
const FOUND_DEAD = 255;

/** Resolves when the container ended and is removed, or will not be. Rejects when `signal` says so. */
export async function watchContainer(options: WatchOptions): Promise<ContainerEnd> {
  const { engine, health, containerId, signal, warn } = options;
  const words: string[] = [];
  const logEnd = new AbortController();
  const log = followLog({
    engine,
    health,
    containerId,
    since: options.logSince,
    signal: AbortSignal.any([signal, logEnd.signal]),
    onLine: (text) => {
      keepLast(words, text);
      options.onLine(text);
    },
  }).catch((error: unknown) => warn(`its log is not read any more: ${describe(error)}`));

  const { found, away } = await waitForEnd(options);
  const takeBack = options.clock.after(LOG_END_MS, () => logEnd.abort());
  await log;
  takeBack();
  signal.throwIfAborted();
  const removed = await remove(options);
  return { ...endOf(found, away), removed, lastWords: words.length === 0 ? null : words.join("\n") };
}

/** Waits until it does not run; `away`: it ended while the engine was away. Null: it is gone without a trace. */
async function waitForEnd(options: WatchOptions): Promise<{ found: InspectedContainer | null; away: boolean }> {
  const { engine, containerId, signal } = options;
  let away = false;
  for (;;) {
    try {
      const found = await engine.inspectContainer(containerId);
      if (found === null || !isUp(found)) return { found, away };
      away = false;
      await engine.waitForExit(containerId, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isEngineError(error, "not_found")) continue;
      if (error instanceof EngineError && error.engineGone) {
        away = true;
        options.health.lost(error);
        await options.health.back(signal);
      } else {
        options.warn(describe(error));
        await pause(options);
      }
    }
  }
}

function isUp({ State }: InspectedContainer): boolean {
  return State.Running || State.Status === "paused" || State.Status === "restarting";
}

async function remove(options: WatchOptions): Promise<boolean> {
  const { engine, health, containerId, signal, warn } = options;
  let failures = 0;
  for (;;) {
    try {
      await engine.removeContainer(containerId);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError && error.engineGone) {
        health.lost(error);
        await health.back(signal);
      } else {
        failures += 1;
        if (failures === REPEATS) {
          warn(`its container is left for later: ${describe(error)}`);
          return false;
        }
        await pause(options);
      }
    }
  }
}

function pause({ clock, signal }: WatchOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const takeBack = clock.after(REPEAT_MS, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    const abort = (): void => {
      takeBack();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** What an ended container says of its end. `away`: nobody could see it. */
export function endOf(found: InspectedContainer | null, away: boolean): Omit<ContainerEnd, "lastWords" | "removed"> {
  if (found === null) return { code: null, signal: null, outOfMemory: false, outside: true };
  const { ExitCode, OOMKilled } = found.State;
  const outOfMemory = OOMKilled && ExitCode !== 0;
  // A shell's way to say "ended by a signal"; tini, process 1 of the container, says it too.
  const signal = ExitCode > 128 && ExitCode < FOUND_DEAD ? signalName(ExitCode - 128) : null;
  // Nobody in the container may signal its supervisor. So a signal came from the engine, from a person at the engine,
  // or from the kernel of a host without memory.
  const outside = !outOfMemory && ExitCode !== 0 && (away || ExitCode === FOUND_DEAD || isFromOutside(signal));
  return { code: signal === null ? ExitCode : null, signal, outOfMemory, outside };
}

// Others, such as SIGSEGV and SIGABRT, a program gets for what it did itself.
function isFromOutside(signal: string | null): boolean {
  return signal === "SIGKILL" || signal === "SIGTERM" || signal === "SIGINT" || signal === "SIGHUP";
}

function signalName(number: number): string | null {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

function keepLast(words: string[], text: string): void {
  words.push(text.slice(0, MAX_LAST_WORDS));
  let length = words.reduce((sum, word) => sum + word.length + 1, -1);
  while (length > MAX_LAST_WORDS) length -= (words.shift() ?? "").length + 1;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
