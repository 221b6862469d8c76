/** Somebody looks at jobs while things go wrong; whatever was shown must be true at the end, and fit what others saw. */
import { createHive, type HiveClient } from "@hive/sdk";
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import type { Dice } from "../sim/dice.ts";
import { monotonicMs, type RunHistory } from "./history.ts";
import { seenOf } from "./last-look.ts";

const PAUSE_MS = 150;

export interface ReaderOptions {
  /** Of each dispatcher: every look goes to one of them alone. */
  readonly urls: readonly string[];
  readonly token: string;
  readonly history: RunHistory;
  readonly dice: Dice;
  /** Jobs there may be. */
  readonly ids: () => readonly string[];
  /** Asked before each look. */
  readonly isOver: () => boolean;
  /** Aborted: the run failed elsewhere, or is over. */
  readonly signal: AbortSignal;
}

/** Looks until it is over. A look without an answer tells nothing. */
export async function readNowAndThen(options: ReaderOptions): Promise<void> {
  const { urls, token, history, dice, signal } = options;
  const ways = urls.map((url) => createHive({ url, token, retries: 0 }));
  while (!options.isOver() && !signal.aborted) {
    await pause(machineClock, PAUSE_MS, signal);
    const id = dice.some(options.ids());
    const way = dice.some(ways);
    // Not waited for: a dispatcher that stands still must not keep the others from being looked at.
    if (id !== undefined && way !== undefined) void readOnce(way, id, history, signal);
  }
}

/** One look, with its answer in the history. */
export async function readOnce(hive: HiveClient, id: string, history: RunHistory, signal: AbortSignal): Promise<void> {
  const sentAt = monotonicMs();
  const job = await hive.get(id).catch(() => null);
  if (job === null || signal.aborted) return;
  history.add({ kind: "read", at: monotonicMs(), sentAt, id, job: seenOf(job) });
}
