/**
 * One source that reads by itself, on the queen: poll, commit what was found together with how far it got, poll again.
 * The next poll begins only when that is durable, so a crash anywhere reads something again and counts nothing twice.
 */

import { HiveError, type Cursor, type Memory } from "@hive/core";
import type { Clock } from "../clock.ts";
import { IntakeError, type KeptIntake } from "../intake/intake-process.ts";
import type { Ask } from "../intake/messages.ts";
import type { Queue } from "../queue/contract.ts";
import { everyDocument } from "../store/every-document.ts";
import type { FoundKeeper } from "./keep-found.ts";
import type { HealthBook } from "./source-health.ts";
import type { Source } from "./source-settings.ts";

/** The longest pause after errors, in milliseconds. */
const LONGEST_MS = 300_000;
/** After the store or the process was away. */
const AGAIN_MS = 2_000;
/** Codes that mean that it was. */
const SOON: ReadonlySet<string> = new Set(["not_ready", "store_failed", "stale_cursor"]);
/** The longest rest that a peer gets: beyond some weeks a timer would go off at once. */
const REST_MS = 86_400_000;
/** A cursor that nothing moves is written again so often: its age is how long its source is not read any more. */
const STILL_READ_MS = 86_400_000;

export interface PollsOptions {
  readonly source: Source;
  readonly everyMs: number;
  readonly queue: Pick<Queue, "documents">;
  readonly clock: Clock;
  readonly intake: KeptIntake;
  readonly keep: FoundKeeper;
  readonly health: HealthBook;
  readonly onTrouble: (message: string, error: unknown) => void;
}

export interface Polls {
  /** Waits for a commit under way. Safe to call twice. */
  stop(): Promise<void>;
}

/** Begins at once, and then goes on by itself. */
export function startPolls(options: PollsOptions): Polls {
  const { source, everyMs, queue, clock, intake, keep, health, onTrouble } = options;
  let stopped = false;
  let cancel = (): void => {};
  /** The version of the cursor that the process goes on from; null: it is told what is stored first. */
  let version: number | null = null;
  let errors = 0;
  let running: Promise<void> = Promise.resolve();

  function later(ms: number): void {
    if (stopped) return;
    health.pollsAt(source.id, clock.wall() + ms);
    cancel = clock.after(ms, () => {
      running = once();
    });
  }

  async function once(): Promise<void> {
    try {
      later(await poll());
      errors = 0;
    } catch (error) {
      if (stopped) return;
      version = null;
      later(pauseAfter(error));
    }
  }

  /** What went wrong decides when it is tried again. */
  function pauseAfter(error: unknown): number {
    if (error instanceof IntakeError && error.code !== "stopped") {
      health.bad(source.id, clock.wall(), error.message);
      errors += 1;
      return Math.min(everyMs * 2 ** Math.min(errors - 1, 10), Math.max(LONGEST_MS, everyMs));
    }
    if (error instanceof IntakeError || (error instanceof HiveError && SOON.has(error.code))) return AGAIN_MS;
    health.bad(source.id, clock.wall(), error instanceof Error ? error.message : String(error));
    if (!(error instanceof HiveError))
      onTrouble(`source ${source.id} could not be read; it is tried again in a moment`, error);
    // The others did their part: they are not asked more often for it.
    return Math.min(Math.max(everyMs, AGAIN_MS), LONGEST_MS);
  }

  /** One poll. Gives the pause after it, in milliseconds. */
  async function poll(): Promise<number> {
    const stored = version === null ? await readStored() : null;
    const from = stored?.version ?? version ?? 0;
    const found = await intake
      .ask<"poll">({ kind: "poll", source: source.id, now: clock.wall(), stored: stored?.content ?? null })
      .catch((error: unknown) => {
        // A new process: it is told where to go on, and this is no error of the source's.
        if (error instanceof IntakeError && error.code === "unopened") throw new HiveError("not_ready", error.message);
        throw error;
      });
    const { cursor, memories, more, afterMs = 0, notice } = found;
    const isNew = cursor !== null || found.signals.length > 0 || Object.keys(memories).length > 0;
    const isOld = from > 0 && clock.wall() - keptAt >= STILL_READ_MS;
    if (isNew || isOld || found.filtered > 0 || found.followUps.length > 0) {
      const value = cursor ?? kept;
      const position = { kind: "cursor", version: from, value } as const;
      const observed = await keep(source, found, { position, failed: null, memories }).catch(async (error: unknown) => {
        await tell(false);
        throw error;
      });
      version = observed.version;
      kept = value;
      keptAt = clock.wall();
    } else version = from;
    await tell(true);
    health.good(source.id, clock.wall(), notice);
    return more ? 0 : Math.max(everyMs, Math.min(afterMs, REST_MS));
  }

  /** The cursor as it stands in the store, and since when. */
  let kept: unknown = null;
  let keptAt = 0;

  async function tell(durable: boolean): Promise<void> {
    await intake.ask<"polled">({ kind: "polled", source: source.id, durable });
  }

  async function readStored(): Promise<{
    readonly version: number;
    readonly content: NonNullable<Extract<Ask, { kind: "poll" }>["stored"]>;
  }> {
    const [doc = null] = await queue.documents.get([{ collection: "cursors", id: source.id }]);
    const cursor = doc as Cursor | null;
    const memories: [string, Record<string, unknown>][] = [];
    const query = { collection: "memories", from: `${source.id}/`, below: `${source.id}0` };
    for await (const { doc: stored } of everyDocument(queue.documents, query)) {
      const { id, value } = asMemory(stored);
      memories.push([id, { ...value }]);
    }
    kept = cursor?.value ?? null;
    keptAt = cursor?.at ?? 0;
    return { version: cursor?.version ?? 0, content: { cursor: kept, memories } };
  }

  running = once();
  return {
    async stop() {
      stopped = true;
      cancel();
      health.pollsAt(source.id, null);
      await running;
    },
  };
}

/** A committed document as what it is: core wrote it. */
function asMemory(doc: unknown): Memory {
  return doc as Memory;
}
