/** For hand-made histories: what is seen where nothing is. */

import type { Seen } from "./checker.ts";

/** A world in which nothing happened; to be laid under what a test tells of. */
export const NOTHING_SEEN: Seen = {
  entries: [],
  events: [],
  swept: new Set(),
  jobs: new Map(),
  forgotten: new Map(),
  left: [],
  usage: new Map(),
  logs: new Map(),
  slots: [],
  written: new Map(),
  finishes: new Map(),
};
