/**
 * Calls into a worker thread and out of it. SQLite is synchronous and a flush can take long: it runs in threads so that
 * it never stops the event loop that answers requests. Errors the store's contract names keep their class on the way.
 */

import { parentPort, Worker } from "node:worker_threads";
import { StoreCorrupt, StoreExpectation, StoreFenced, StoreInUse, StoreTooNew } from "../contract.ts";

/** What a thread can be asked: an entry per call, with what goes in and what comes back. */
export type Calls<C> = { readonly [K in keyof C]: { readonly ask: unknown; readonly answer: unknown } };

interface Question {
  readonly id: number;
  readonly op: string;
  readonly ask: unknown;
}

type Answer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } };

const ERRORS = { StoreCorrupt, StoreExpectation, StoreFenced, StoreInUse, StoreTooNew, RangeError };

/** The calling side. Calls are answered in the order they were made. */
export class Thread<C extends Calls<C>> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  #ended: Error | null = null;

  /** @param name for messages: "the writer thread died". */
  constructor(file: URL, name: string) {
    // Node runs the TypeScript file as it is; options of a test runner or a debugger are not the thread's business.
    this.#worker = new Worker(file, { execArgv: [], name: `hive-${name}` });
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (cause) => this.#end(new Error(`the store's ${name} thread died`, { cause })));
    this.#worker.on("exit", () => this.#end(new Error(`the store's ${name} thread ended`)));
  }

  call<K extends keyof C & string>(op: K, ask: C[K]["ask"]): Promise<C[K]["answer"]> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, op, ask } satisfies Question);
    });
  }

  /** Ends the thread, whatever it is doing. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiter = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiter?.reject(revive(answer.error));
    else waiter?.resolve(answer.answer);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiter of waiting) waiter.reject(this.#ended);
  }
}

function revive(error: { readonly name: string; readonly message: string }): Error {
  const known = Object.entries(ERRORS).find(([name]) => name === error.name)?.[1];
  return known === undefined ? new Error(error.message) : new known(error.message);
}

/** The answering side: call once at the thread's top level. */
export function serve<C extends Calls<C>>(
  handlers: { readonly [K in keyof C]: (ask: C[K]["ask"]) => C[K]["answer"] },
): void {
  parentPort?.on("message", ({ id, op, ask }: Question) => {
    let answer: Answer;
    try {
      const handler = handlers[op as keyof C];
      answer = { id, answer: handler(ask) };
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      answer = { id, error: { name, message } };
    }
    parentPort?.postMessage(answer);
  });
}
