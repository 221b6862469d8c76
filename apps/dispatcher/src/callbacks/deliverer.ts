/**
 * Tells the owner's backend what happened. A callback is written in the same commit as the change it tells of, so none
 * is lost or invented; this part only reads what is pending and sends it: at least once, in order per job, signed, with
 * retries over days. What nobody took becomes a dead letter that a person can send again.
 */

import { numberId, type CallbackRecord, type DeliveryAttempt, type JobBody } from "@hive/core";
import type { Clock } from "../clock.ts";
import type { Queue } from "../queue/contract.ts";
import type { Page } from "../store/contract.ts";
import { Lanes } from "./lanes.ts";
import { messageBody, messageId, type StoredEvent } from "./message.ts";
import { judge, parseRetryAfter } from "./schedule.ts";

/** A message ready to be sent. */
export interface Message {
  readonly url: string;
  /** True for addresses the operator wrote; those of a job's body pass the guard. */
  readonly trusted: boolean;
  readonly id: string;
  /** Seconds since 1970, of this try. */
  readonly timestamp: number;
  readonly body: string;
}

/** What became of one try: an answer, or why there was none. */
export type Sent =
  | { readonly status: number; readonly retryAfter: string | undefined; readonly excerpt: string }
  | { readonly status: null; readonly error: string };

export interface DelivererOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  /** Signs and sends; never throws. Gives up when the signal is aborted. */
  readonly send: (message: Message, signal: AbortSignal) => Promise<Sent>;
  /** For jobs without a callbackUrl of their own. */
  readonly serverUrl: string | undefined;
  readonly onTrouble: (message: string, error: unknown) => void;
  /** One try is over: for the metrics. */
  readonly onTry?: (outcome: "delivered" | "failed" | "dead") => void;
}

/** What one job still has to tell, oldest first. */
interface Line {
  readonly pending: number[];
  busy: boolean;
  cancelTimer: () => void;
}

/**
 * How long a stop waits for receivers that were called already. What they have not answered by then counts as never sent:
 * whoever comes next sends it again under the same id.
 */
const STOP_GRACE_MS = 2000;

/** After a store failure, before the same callback is looked at again. */
const AGAIN_MS = 1000;

export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #lines = new Map<string, Line>();
  readonly #lanes = new Lanes();
  #stopped = false;
  readonly #givingUp = new AbortController();
  /** Counts the readings of everything pending; the latest counts. */
  #collection = 0;
  /** True once everything pending is known. */
  #complete = false;
  #unsubscribe: (() => void)[] = [];
  #running = 0;
  #idle: () => void = () => {};

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /**
   * Begins with everything pending in the store, then follows the queue. A standby begins when it becomes the queen.
   * @throws what the store throws.
   */
  async start(): Promise<void> {
    const { queue } = this.#options;
    this.#unsubscribe = [
      queue.onEffect((effect) => {
        if (effect.type === "callback") this.#add(effect.jobId, effect.n);
        // A commit failed. If it landed in spite of its error, nobody was told of its callbacks: only the store knows.
        // Or another dispatcher was the queen: then she told some, and has left others.
        if (effect.type === "reloaded") void this.#collectAgain();
      }),
      queue.onReadiness((readiness) => {
        if (!readiness.ready && readiness.role === "standby") this.#forget();
      }),
    ];
    if (queue.readiness().ready) await this.#collect();
  }

  /** What is pending is another dispatcher's to send. */
  #forget(): void {
    this.#collection += 1;
    this.#complete = false;
    for (const line of this.#lines.values()) line.cancelTimer();
    this.#lines.clear();
  }

  /**
   * Takes in everything pending in the store. Until that is done nothing is sent: a callback of this moment must not
   * overtake an older one of its job that was not read yet.
   */
  async #collect(): Promise<void> {
    this.#collection += 1;
    const collection = this.#collection;
    this.#complete = false;
    let after: { range: number | string; id: string } | null = null;
    do {
      const page: Page = await this.#options.queue.documents.list({
        collection: "callbacks",
        index: "state",
        equals: { state: "pending" },
        limit: 1000,
        ...(after === null ? {} : { after }),
      });
      for (const { doc } of page.items) this.#add(String(doc["jobId"]), Number(doc["n"]));
      after = page.next;
    } while (after !== null);
    // The queue was reloaded meanwhile: the later collection has the last word.
    if (collection !== this.#collection) return;
    this.#complete = true;
    for (const [jobId, line] of this.#lines) this.#work(jobId, line);
  }

  async #collectAgain(): Promise<void> {
    try {
      await this.#collect();
    } catch (error) {
      if (!this.#options.queue.readiness().ready) return;
      this.#options.onTrouble("the pending callbacks could not be read; trying again", error);
      const collection = this.#collection;
      this.#options.clock.after(AGAIN_MS, () => {
        if (collection === this.#collection && !this.#stopped) void this.#collectAgain();
      });
    }
  }

  /** Sends nothing new; resolves when running tries are over or given up, within two seconds. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const line of this.#lines.values()) line.cancelTimer();
    if (this.#running === 0) return;
    const cancel = this.#options.clock.after(STOP_GRACE_MS, () => this.#givingUp.abort());
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    cancel();
  }

  #add(jobId: string, n: number): void {
    const line = this.#lines.get(jobId) ?? { pending: [], busy: false, cancelTimer: () => {} };
    this.#lines.set(jobId, line);
    if (line.pending.includes(n)) return;
    const at = line.pending.findIndex((other) => other > n);
    if (at === -1) line.pending.push(n);
    else line.pending.splice(at, 0, n);
    // A redelivery by hand goes out at once even if the line was waiting for its next try.
    this.#work(jobId, line);
  }

  #work(jobId: string, line: Line): void {
    if (line.busy || this.#stopped || !this.#complete) return;
    line.cancelTimer();
    const n = line.pending[0];
    if (n === undefined) {
      this.#lines.delete(jobId);
      return;
    }
    line.busy = true;
    this.#running += 1;
    void this.#deliver(jobId, n)
      .catch((error: unknown) => {
        // Another dispatcher is the queen, and tells it again.
        if (this.#lines.get(jobId) !== line) return null;
        this.#options.onTrouble(`callback ${n} of job ${jobId} could not be handled`, error);
        return AGAIN_MS;
      })
      .then((waitMs) => {
        line.busy = false;
        if (this.#lines.get(jobId) !== line) return;
        if (waitMs === null) {
          // Not always the first: a redelivery of an older one may have come in meanwhile.
          line.pending.splice(line.pending.indexOf(n), 1);
          this.#work(jobId, line);
        } else if (!this.#stopped) {
          line.cancelTimer = this.#options.clock.after(waitMs, () => this.#work(jobId, line));
        }
      })
      .finally(() => {
        this.#running -= 1;
        if (this.#running === 0) this.#idle();
      });
  }

  /** One look at one callback. Null: this one is over, go on with the next; else milliseconds to wait. */
  async #deliver(jobId: string, n: number): Promise<number | null> {
    const { queue, clock } = this.#options;
    const [record, event, body] = await queue.documents.get([
      { collection: "callbacks", id: numberId(n) },
      { collection: "events", id: numberId(n) },
      { collection: "bodies", id: jobId },
    ]);
    // Written by this program from these types, each with a checksum.
    const callback = record as CallbackRecord | null | undefined;
    const job = body as JobBody | null | undefined;
    if (callback == null || callback.state !== "pending") return null;
    const wait = (callback.nextAt ?? 0) - clock.wall();
    if (wait > 0) return wait;
    const url = job?.callbackUrl ?? this.#options.serverUrl;
    const begun = clock.mono();
    const sent = await this.#send(jobId, n, url, event as StoredEvent | null | undefined, job);
    if (sent === null) return null;
    const tries = callback.tries + 1;
    const retryAfter = sent.status === null ? undefined : sent.retryAfter;
    const verdict = judge(tries, sent.status, parseRetryAfter(retryAfter, clock.wall()), clock.random);
    const attempt: DeliveryAttempt = {
      at: clock.wall(),
      ms: Math.round(clock.mono() - begun),
      status: sent.status,
      error: sent.status === null ? sent.error : verdict.state === "delivered" ? null : sent.excerpt,
    };
    const nextAt = verdict.state === "pending" ? clock.wall() + verdict.waitMs : null;
    this.#options.onTry?.(verdict.state === "pending" ? "failed" : verdict.state);
    await queue.submit<"delivered">({ type: "delivered", n, attempt, state: verdict.state, nextAt });
    return verdict.state === "pending" ? verdict.waitMs : null;
  }

  /** Null: it was not sent, or was given up, since this part stops. */
  async #send(
    jobId: string,
    n: number,
    url: string | undefined,
    event: StoredEvent | null | undefined,
    job: JobBody | null | undefined,
  ): Promise<Sent | null> {
    if (event == null) return { status: null, error: "the event is no longer kept" };
    if (url === undefined)
      return { status: null, error: "there is no address to call: HIVE_CALLBACK_URL was taken away" };
    return this.#lanes.run(new URL(url).origin, async () => {
      // It may have waited behind others for its turn.
      if (this.#stopped) return null;
      const message: Message = {
        url,
        trusted: job?.callbackUrl == null,
        id: messageId(jobId, n),
        timestamp: Math.floor(this.#options.clock.wall() / 1000),
        body: messageBody(event, job?.metadata),
      };
      const { signal } = this.#givingUp;
      const sent = await this.#options.send(message, signal);
      return sent.status === null && signal.aborted ? null : sent;
    });
  }
}
