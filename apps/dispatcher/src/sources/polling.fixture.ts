/** A peer that answers polls with what a test puts there, and a poller's life with it: poll, commit, restart. */

import type { Polled, Poller, PollTools } from "./contract.ts";
import type { SourceFetch } from "./source-fetch.ts";

/** What the peer answers next; an error: it does not answer. */
export type Answer =
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer }
  | Error;

export interface PolledPeer {
  /** What it answers from now on. */
  answer: Answer;
  /** What was asked, in order. */
  readonly asked: { readonly url: string; readonly headers: Headers }[];
  readonly fetch: SourceFetch;
}

export function createPeer(answer: Answer): PolledPeer {
  const peer: PolledPeer = {
    answer,
    asked: [],
    fetch: (url, { headers = {} }) => {
      peer.asked.push({ url, headers: new Headers(headers) });
      if (peer.answer instanceof Error) return Promise.reject(peer.answer);
      const { status = 200, headers: given = {}, body = "" } = peer.answer;
      return Promise.resolve({ status, headers: new Headers(given), body: Buffer.from(body) });
    },
  };
  return peer;
}

export interface PollingLife {
  now: number;
  /** Polls and commits. */
  poll(): Promise<Polled>;
  /** Polls; what came of it is lost before it was committed, and everything starts anew from what is stored. */
  lost(): Promise<Polled>;
  /** Everything starts anew from what is stored; other settings may have been written. */
  restart(open?: Open): void;
  readonly memories: ReadonlyMap<string, object>;
}

type Open = (stored: { readonly cursor: unknown; readonly memories: ReadonlyMap<string, object> }) => Poller;

/** `open` makes the poller from what is stored. */
export function pollingLife(open: Open, fetch: SourceFetch): PollingLife {
  const memories = new Map<string, object>();
  let cursor: unknown = null;
  let make = open;
  let poller = make({ cursor, memories: new Map(memories) });
  const tools = (): PollTools => ({
    now: life.now,
    fetch,
    secret: (place) => `the secret of ${"env" in place ? place.env : place.file}`,
    signal: new AbortController().signal,
  });
  const life: PollingLife = {
    now: Date.parse("2026-11-23T12:00:00Z"),
    memories,
    async poll() {
      const polled = await poller.poll(tools());
      // As the store has it: nothing but JSON, by value.
      cursor = polled.cursor === null ? cursor : structuredClone(polled.cursor);
      for (const [id, value] of Object.entries(polled.memories)) {
        if (value === null) memories.delete(id);
        else memories.set(id, structuredClone(value));
      }
      poller.committed();
      return polled;
    },
    async lost() {
      const polled = await poller.poll(tools());
      life.restart();
      return polled;
    },
    restart(other = make) {
      poller.close();
      make = other;
      poller = make({ cursor, memories: new Map(memories) });
    },
  };
  return life;
}
