/** The collection `marks`: single documents that say how far the server came with something. */

import type { EndedPlace } from "./command.ts";
import type { Document } from "./document.ts";

/** Where each mark is. */
export const MARKS = {
  /** `EventsMark`. */
  events: { collection: "marks", id: "events" },
  /** `EndedPlace`: jobs that ended up to here have no logs any more. */
  logs: { collection: "marks", id: "logs" },
  /** `Floors`. */
  floors: { collection: "marks", id: "floors" },
  /** There while a restore is under way: what is in the store is not whole. */
  restoring: { collection: "marks", id: "restoring" },
} as const;

/** Events up to this number may be missing: whoever has seen less of them begins anew. */
export interface EventsMark {
  readonly upTo: number;
}

/** Numbers that a store must not give again, because another life of it may have: all are above them. */
export interface Floors {
  /** The fence of every new lease is above this. */
  readonly fence: number;
  /** The number of every new event is above this. */
  readonly event: number;
  /** The last event that both lives have in common: from it up to `event` are numbers of the other one. */
  readonly lastEvent: number;
}

/** The mark as stored; 0 where nothing was ever removed. */
export function eventsMark(doc: Document | null): EventsMark {
  const stored: unknown = doc;
  return (stored as EventsMark | null) ?? { upTo: 0 };
}

/** The floors as stored; a store that was never restored has none. */
export function floorsOf(doc: Document | null): Floors {
  const stored: unknown = doc;
  return (stored as Floors | null) ?? { fence: 0, event: 0, lastEvent: 0 };
}

/** The mark of the logs as stored; null: none were removed yet. */
export function logsMark(doc: Document | null): EndedPlace | null {
  const stored: unknown = doc;
  return stored as EndedPlace | null;
}
