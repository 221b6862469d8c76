/**
 * The one event stream of this tab. It goes on behind the last event it saw, whichever dispatcher answers, and says so
 * when the server could not go on there: everything that was asked before is old then.
 */
import { serverEvents } from "@hive/protocol/server-events";
import { requestOf } from "../api/call.ts";

export interface HiveEvent {
  readonly id: number;
  readonly type: string;
  readonly at: number;
  readonly jobId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** `live`: events come. `lost`: nothing is heard; the stream is being opened again. */
export type StreamState = "connecting" | "live" | "lost";

export interface EventStream {
  /** Each event once, in order. Returns how to take that back. */
  onEvent(listener: (event: HiveEvent) => void): () => void;
  /** Something was missed, or may have been: look at everything anew. */
  onGap(listener: () => void): () => void;
  onState(listener: () => void): () => void;
  state(): StreamState;
  close(): void;
}

/** The server gives a sign of life every 15 s. */
const QUIET_MS = 40_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

export function openEventStream(): EventStream {
  const events = new Set<(event: HiveEvent) => void>();
  const gaps = new Set<() => void>();
  const states = new Set<() => void>();
  const closing = new AbortController();
  let state: StreamState = "connecting";
  let last: number | null = null;

  function become(next: StreamState): void {
    if (state === next) return;
    state = next;
    for (const listener of states) listener();
  }

  async function read(): Promise<void> {
    const quiet = new AbortController();
    let timer = setTimeout(() => quiet.abort(), QUIET_MS);
    const heard = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), QUIET_MS);
    };
    try {
      const [, address] = requestOf("events", { query: last === null ? {} : { after: last } });
      const signal = AbortSignal.any([closing.signal, quiet.signal]);
      const response = await fetch(address, { credentials: "same-origin", signal });
      if (!response.ok || response.body === null) throw new Error(`the stream answered ${response.status}`);
      // What happened between the first questions and the first stream was told to nobody.
      if (state !== "live" && last === null) for (const listener of gaps) listener();
      become("live");
      for await (const message of serverEvents(chunksOf(response.body), heard)) {
        const event = JSON.parse(message.data) as HiveEvent;
        const id = Number(message.id ?? event.id);
        if (Number.isSafeInteger(id)) last = id;
        if (message.event === "reset") for (const listener of gaps) listener();
        else for (const listener of events) listener(event);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async function keepReading(): Promise<void> {
    let waitMs = FIRST_WAIT_MS;
    while (!closing.signal.aborted) {
      const begun = performance.now();
      await read().catch(() => undefined);
      if (closing.signal.aborted) return;
      become("lost");
      if (performance.now() - begun > LONGEST_WAIT_MS) waitMs = FIRST_WAIT_MS;
      const pauseMs = waitMs * (0.5 + Math.random() / 2);
      await new Promise((resolve) => {
        setTimeout(resolve, pauseMs);
      });
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }
  void keepReading();

  return {
    onEvent: (listener) => listening(events, listener),
    onGap: (listener) => listening(gaps, listener),
    onState: (listener) => listening(states, listener),
    state: () => state,
    close: () => closing.abort(),
  };
}

function listening<T>(all: Set<T>, one: T): () => void {
  all.add(one);
  return () => all.delete(one);
}

/** Not every browser can walk through a stream with `for await`. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
