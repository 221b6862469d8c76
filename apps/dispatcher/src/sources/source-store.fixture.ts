/** One source over a store in memory, a clock moved by hand, and what the core knows of it. */

import { type CommandOf, DEFAULT_RULES, type FloodPolicy, type Signal, type Tally } from "@hive/core";
import { Committer } from "../queue/committer.ts";
import { HandClock } from "../queue/queue.fixture.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";

/** Nothing is ever opened: what is due is held. */
export const POLICY: FloodPolicy = {
  count: 1,
  withinMs: 600_000,
  forMs: 0,
  maxOpen: 0,
  perHour: null,
  cooldownMs: 0,
  reopenWithinMs: 0,
  bypass: null,
  flap: null,
  resolve: { waiting: "cancel", running: "note" },
  maxGroups: 10_000,
};

/** A queue that knows the source `s`. */
export async function sourceStore() {
  const clock = new HandClock();
  const queue = new Committer({
    openStore: () => new MemoryStore({ content: new MemoryContent() }),
    rules: DEFAULT_RULES,
    clock,
    onTrouble: () => {},
  });
  await queue.start();
  let version = 0;
  const observe = async (signals: readonly Signal[], what: Partial<CommandOf<"observe">> = {}) => {
    const position = { kind: "cursor", version, value: null } as const;
    const command = {
      type: "observe",
      source: "s",
      position,
      policy: POLICY,
      signals,
      filtered: 0,
      failed: null,
    } as const;
    const reply = await queue.submit<"observe">({ ...command, memories: [], ...what });
    version = reply.version ?? version;
  };
  const tally = async (): Promise<Tally> => {
    const [doc]: readonly unknown[] = await queue.documents.get([{ collection: "tallies", id: "s" }]);
    return doc as Tally;
  };
  return { clock, queue, observe, tally };
}

/** An occurrence. */
export function signal(fingerprint: string, what: Partial<Signal> = {}): Signal {
  const sample = { at: 0, text: "", fields: {}, link: null };
  const event = { state: "event", episode: null, severity: "error", at: 0, count: 1, note: false } as const;
  return { fingerprint, title: fingerprint, ...event, sample, ...what };
}
