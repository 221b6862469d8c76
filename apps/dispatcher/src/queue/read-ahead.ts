/**
 * The documents that commands need before they can be applied: those of the store, with what unflushed batches know laid
 * over them. Nothing is applied while they are read, so what the store answers is the truth of that moment.
 */

import { docKey, lacking, type Change, type Command, type Docs, type Document, type Key, type State } from "@hive/core";

/** Commands whose documents are read together, and documents kept for the next ones. */
const READ_AHEAD = 1000;

export class ReadAhead {
  /** Kept true by every change since they were read. */
  #docs = new Map<string, Document | null>();
  readonly #unflushed: (key: string) => Change | undefined;

  /** @param unflushed the change of a document that no commit holds yet */
  constructor(unflushed: (key: string) => Change | undefined) {
    this.#unflushed = unflushed;
  }

  get docs(): Docs {
    return this.#docs;
  }

  /** What must be read from the store before this command can be applied. */
  missing(state: State, command: Command): readonly Key[] {
    for (;;) {
      const wanted = lacking(state, command, this.#docs);
      const missing = wanted.filter((key) => {
        const change = this.#unflushed(docKey(key));
        if (change !== undefined) this.#docs.set(docKey(key), change.doc);
        return change === undefined;
      });
      // What was found may lead to more (the dependents of a dependent): ask again until nothing new turns up.
      if (missing.length === wanted.length) return missing;
    }
  }

  /** What the commands from this place on need, each document once. */
  wanted(state: State, queue: readonly { readonly command: Command }[], from: number): readonly Key[] {
    const wanted = new Map<string, Key>();
    for (let i = from; i < Math.min(queue.length, from + READ_AHEAD); i += 1) {
      const item = queue[i];
      if (item === undefined) break;
      for (const key of this.missing(state, item.command)) wanted.set(docKey(key), key);
    }
    return [...wanted.values()];
  }

  /** What the store answered, in the order asked. */
  found(keys: readonly Key[], docs: readonly (Document | null)[]): void {
    keys.forEach((key, i) => this.#docs.set(docKey(key), docs[i] ?? null));
  }

  /** Follows a command's changes. Only what somebody asked for: bodies can be large, and unflushed ones are found anyway. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      const place = docKey(change);
      if (this.#docs.has(place)) this.#docs.set(place, change.doc);
    }
  }

  /** Lets go of documents once there are many. */
  trim(): void {
    if (this.#docs.size > READ_AHEAD) this.#docs.clear();
  }

  clear(): void {
    this.#docs.clear();
  }
}
