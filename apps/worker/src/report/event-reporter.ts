/**
 * Carries what an agent does (messages, tools, usage) to the dispatcher: in order, in batches, without secrets and
 * without ever making the agent wait. They are for people who watch; when a program floods, the rest is counted.
 */

import { createRedactor, type Redactor } from "@hive/core";
import { type Clock, pause } from "../loops/clock.ts";

/** One event; must be JSON. */
export type AgentEvent = Readonly<Record<string, unknown>>;

export interface EventReporterOptions {
  /** Sends a batch; gives how many events of this lease the dispatcher has. A rejection ends the reporting. */
  readonly send: (from: number, events: readonly AgentEvent[]) => Promise<number>;
  /** What to hide, asked at each event. */
  readonly secrets: () => readonly string[];
  readonly clock: Clock;
  /** Milliseconds that events may wait for more. */
  readonly flushMs: number;
}

export interface EventReporter {
  readonly add: (event: AgentEvent) => void;
  /** Sends what is left; resolves when the dispatcher has it or reporting failed. Never rejects. */
  finish(): Promise<void>;
}

/** Events of one attempt; beyond it they are dropped and counted. */
const MOST_EVENTS = 20_000;
const BATCH_EVENTS = 200;
/** Characters of JSON in one request, well under the body limit. */
const BATCH_CHARACTERS = 400_000;
/** Characters of one event's JSON; a longer one is replaced by a note. */
const EVENT_CHARACTERS = 32_768;

/** Starts reporting. */
export function createEventReporter(options: EventReporterOptions): EventReporter {
  const { clock } = options;
  let queue: { event: AgentEvent; size: number }[] = [];
  let added = 0;
  let dropped = 0;
  let sent = 0;
  let broken = false;
  let running: Promise<void> | null = null;
  const ended = new AbortController();
  let redactor: { readonly hides: string; readonly hide: Redactor } | null = null;

  /** Made once for the same secrets: making one costs more than an event, and a flood has thousands. */
  function redactorOfNow(): Redactor {
    const secrets = options.secrets();
    const hides = JSON.stringify(secrets);
    if (redactor?.hides !== hides) redactor = { hides, hide: createRedactor(secrets) };
    return redactor.hide;
  }

  async function flush(): Promise<void> {
    while (queue.length > 0 && !broken) {
      if (!ended.signal.aborted) await pause(clock, options.flushMs, ended.signal);
      const batch = takeBatch(queue);
      try {
        const has = await options.send(
          sent,
          batch.map(({ event }) => event),
        );
        // The dispatcher may have some of these already, from a try whose answer was lost.
        const fresh = Math.max(0, Math.min(batch.length, has - sent));
        sent += fresh;
        queue = queue.slice(fresh);
        if (fresh === 0) broken = true;
      } catch {
        // The lease is over, or the dispatcher refuses them: the job's result does not depend on its events.
        broken = true;
      }
    }
    running = null;
  }

  function push(event: AgentEvent): void {
    const size = JSON.stringify(event).length;
    queue.push(
      size <= EVENT_CHARACTERS ? { event, size } : { event: { type: event["type"] ?? "event", cut: size }, size: 64 },
    );
    running ??= flush();
  }

  return {
    add(event) {
      if (broken || ended.signal.aborted) return;
      added += 1;
      if (added > MOST_EVENTS) dropped += 1;
      else push(hide(event, redactorOfNow()) as AgentEvent);
    },
    async finish() {
      if (dropped > 0 && !broken) push({ type: "dropped", count: dropped });
      ended.abort();
      await running;
    },
  };
}

function takeBatch<T extends { readonly size: number }>(queue: readonly T[]): readonly T[] {
  let characters = 0;
  const end = queue.findIndex((one, index) => {
    characters += one.size;
    return index >= BATCH_EVENTS || (index > 0 && characters > BATCH_CHARACTERS);
  });
  return end === -1 ? queue.slice() : queue.slice(0, end);
}

/** The same value with secrets hidden in every text, keys included. */
function hide(value: unknown, redactor: Redactor): unknown {
  if (typeof value === "string") return hideIn(value, redactor);
  if (Array.isArray(value)) return value.map((inner) => hide(inner, redactor));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [hideIn(key, redactor), hide(inner, redactor)]),
  );
}

function hideIn(text: string, redactor: Redactor): string {
  return Buffer.concat([redactor.push(text), redactor.end()]).toString("utf8");
}
