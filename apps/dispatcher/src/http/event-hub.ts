/**
 * The event stream: first what is stored, then what happens, with nothing missing and nothing twice in between. A reader
 * that asks for events that are gone, or that this server never had, gets a `reset` and goes on from now.
 */

import { eventsMark, floorsOf, MARKS, numberId, type Effect, type HiveEvent } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import type { Metrics } from "./metrics.ts";
import { frame, openStream, type EventStream } from "./sse.ts";
import type { StreamReply } from "./handler.ts";

/** Open event streams at most. */
export const MAX_READERS = 200;
/** Stored events read at once. */
const PAGE = 500;

export interface EventHub {
  /** `after`: the last event the reader has; null: only what happens from now on. `jobId`: only this job's. */
  read(options: { readonly after: number | null; readonly jobId: string | null }): StreamReply;
  /** Whether one more reader is welcome. */
  readonly full: boolean;
  stop(): void;
}

interface Reader {
  readonly jobId: string | null;
  readonly stream: EventStream;
  /** The last event it was sent, or was known not to need. */
  at: number;
  /** Gets events as they happen; before, what is stored. */
  live: boolean;
}

export function createEventHub(queue: Queue, clock: Clock, metrics: Pick<Metrics, "readers">): EventHub {
  const readers = new Set<Reader>();
  /** The last event that happened. */
  let head = queue.lastEvent();

  const unlisten = queue.onEffect((effect: Effect) => {
    if (effect.type === "reloaded") return lookAgain();
    if (effect.type !== "event") return;
    const { event } = effect;
    head = Math.max(head, event.id);
    if (readers.size === 0) return;
    // Made once, whoever listens.
    let text: string | null = null;
    for (const reader of readers) {
      if (!reader.live || event.id <= reader.at) continue;
      reader.at = event.id;
      if (reader.jobId !== null && reader.jobId !== event.jobId) continue;
      text ??= eventFrame(event);
      reader.stream.send(text);
    }
  });

  // Readers come back with the last event they have, and are handed on to the queen.
  const unlistenReadiness = queue.onReadiness((readiness) => {
    if (!readiness.ready && readiness.role === "standby") endAll();
  });

  function endAll(): void {
    for (const reader of readers) reader.stream.end();
  }

  /** After a failed commit: what landed in spite of its error was told to nobody, so every reader asks the store. */
  function lookAgain(): void {
    head = Math.max(head, queue.lastEvent());
    for (const reader of readers) {
      if (!reader.live) continue;
      reader.live = false;
      catchUp(reader).catch(() => reader.stream.end());
    }
  }

  /** Sends what is stored until nothing is between the store and now; then the reader is live. */
  async function catchUp(reader: Reader): Promise<void> {
    while (reader.stream.open) {
      // Everything up to here is in the store, whether or not a page of this job's events shows it.
      const known = Math.max(head, queue.lastEvent());
      const page = await queue.documents.list(
        reader.jobId === null
          ? { collection: "events", from: numberId(reader.at + 1), limit: PAGE }
          : { collection: "events", index: "job", equals: { jobId: reader.jobId }, from: reader.at + 1, limit: PAGE },
      );
      for (const { doc } of page.items) {
        const stored: unknown = doc;
        const event = stored as HiveEvent;
        if (!reader.stream.send(eventFrame(event))) return;
        reader.at = event.id;
        // What is stored can wait for this reader; only what happens now cannot.
        await reader.stream.drained();
      }
      if (page.next === null) reader.at = Math.max(reader.at, known);
      if (page.next === null && reader.at >= head) {
        reader.live = true;
        return;
      }
    }
  }

  async function begin(reader: Reader, after: number): Promise<void> {
    const last = Math.max(head, queue.lastEvent());
    const why = after > last ? "this server has not come that far" : await whyGone(after, reader.jobId);
    if (why !== null) {
      reader.at = last;
      reader.stream.send(frame("reset", JSON.stringify({ head: last, why }), last));
    }
    await catchUp(reader);
  }

  /** Why what came after this event cannot be had; null: it can. */
  async function whyGone(after: number, jobId: string | null): Promise<string | null> {
    const [events = null, floors = null] = await queue.documents.get([MARKS.events, MARKS.floors]);
    const { lastEvent, event } = floorsOf(floors);
    if (after > lastEvent && after <= event) return "the server was restored from a backup that is older than this";
    // Those of one job are all there as long as the job is.
    return jobId === null && after < eventsMark(events).upTo ? "older events are not kept" : null;
  }

  return {
    get full() {
      return readers.size >= MAX_READERS;
    },
    read({ after, jobId }) {
      return {
        stream(response) {
          metrics.readers("events", 1);
          const stream = openStream(response, clock, () => {
            readers.delete(reader);
            metrics.readers("events", -1);
          });
          const reader: Reader = { jobId, stream, at: after ?? Math.max(head, queue.lastEvent()), live: false };
          if (!stream.open) return;
          readers.add(reader);
          // The store is away: the reader comes back with the id it has.
          begin(reader, reader.at).catch(() => stream.end());
        },
      };
    },
    stop() {
      unlisten();
      unlistenReadiness();
      endAll();
    },
  };
}

function eventFrame({ id, type, at, jobId, data }: HiveEvent): string {
  return frame(type, JSON.stringify({ id, type, at, jobId, data }), id);
}
