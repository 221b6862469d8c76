/**
 * One command while it is applied: what it may look at (the state, the documents read for it, the instant) and what it
 * leaves behind (changes to store, events, effects). Every event, and the callback it owes, is written here and only here.
 */

import { Changes } from "./changes.ts";
import type { Applied, CallbackRecord, CommandType, Docs, Effect, Now, Replies } from "./command.ts";
import { docKey } from "./command.ts";
import type { Document, Key } from "./document.ts";
import { numberId } from "./document.ts";
import type { EventType, HiveEvent } from "./event.ts";
import { isCallbackType } from "./event.ts";
import type { Job } from "./job.ts";
import type { State } from "./state.ts";

/** Jobs that waited for others and are moved on in one step. */
const SETTLED_AT_ONCE = 1_000;

export class Step {
  readonly state: State;
  readonly now: Now;
  readonly #docs: Docs;
  readonly #changes = new Changes();
  readonly #effects: Effect[] = [];
  #ready: Set<string> | null = null;
  #settled = 0;

  constructor(state: State, docs: Docs, now: Now) {
    this.state = state;
    this.now = now;
    this.#docs = docs;
  }

  /** A stored document as it was read for this command; null when there is none. One that was not read is a bug. */
  doc(key: Key): Document | null {
    const found = this.#docs.get(docKey(key));
    if (found === undefined) throw new Error(`${docKey(key)} was not read before the command was applied`);
    return found;
  }

  /** Stores a whole document, or removes it. The last word on a document in a step counts. */
  put(collection: string, id: string, doc: object | null): void {
    this.#changes.put({ collection, id, doc: doc as Document | null });
  }

  /** Writes an event; for a job it starts with where the job stands, and a callback is owed where one is wanted. */
  event(type: EventType, job: Job | null, data: Readonly<Record<string, unknown>>, jobId = job?.id ?? null): void {
    const n = this.state.nextEvent;
    this.state.nextEvent = n + 1;
    const at = this.now.wall;
    const event: HiveEvent = { id: n, type, at, jobId, data: job === null ? data : { ...standing(job), ...data } };
    this.put("events", numberId(n), { ...event, n });
    this.#effects.push({ type: "event", event });
    if (job === null || !job.callback || !isCallbackType(type)) return;
    const callback: CallbackRecord = {
      n,
      jobId: job.id,
      type,
      state: "pending",
      createdAt: at,
      nextAt: at,
      tries: 0,
      attempts: [],
    };
    this.put("callbacks", numberId(n), callback);
    this.#effects.push({ type: "callback", n, jobId: job.id });
  }

  /** True while this step may move on one more job that waited for another. */
  maySettle(): boolean {
    if (this.#settled === SETTLED_AT_ONCE) return false;
    this.#settled += 1;
    return true;
  }

  effect(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** Jobs of this requirement can be claimed now; said once a step. */
  ready(requirement: string): void {
    this.#ready ??= new Set();
    this.#ready.add(requirement);
  }

  done<T extends CommandType>(reply: Replies[T]): Applied<T> {
    for (const requirement of this.#ready ?? []) this.#effects.push({ type: "ready", requirement });
    return { changes: this.#changes.all, reply, effects: this.#effects };
  }
}

/** What every event of a job tells. */
function standing(job: Job): Readonly<Record<string, unknown>> {
  const { status, reason, generation, task, repo } = job;
  return { status, reason, generation, attempt: job.run?.attempts ?? 0, task, repo };
}
