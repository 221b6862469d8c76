/**
 * The documents that commands need before they can be applied: those of the store, with what unflushed batches know laid
 * over them. Nothing is applied while they are read, so what the store answers is the truth of that moment.
 */

import { docKey, lacking, type Change, type Command, type Docs, type Document, type Key, type State } from "@hive/core";
import { roughBytes } from "./batch.ts";

/** Commands whose documents are read together, and documents kept for the next ones. */
const READ_AHEAD = 1000;
/** Bytes of documents kept for the next commands: a job's body may have many megabytes, and is seldom asked for twice. */
const KEPT_BYTES = 16 * 1024 * 1024;

export class ReadAhead {
  /** Kept true by every change since they were read. */
  #docs = new Map<string, Document | null>();
  /** About how many bytes they have, or had. */
  #bytes = 0;
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
        if (change !== undefined) this.#keep(docKey(key), change.doc);
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
    for (const [i, key] of keys.entries()) this.#keep(docKey(key), docs[i] ?? null);
  }

  /** Follows a command's changes. Only what somebody asked for: bodies can be large, and unflushed ones are found anyway. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      const place = docKey(change);
      if (this.#docs.has(place)) this.#keep(place, change.doc);
    }
  }

  /** Lets go of documents once there are many, or large ones. */
  trim(): void {
    if (this.#docs.size > READ_AHEAD || this.#bytes > KEPT_BYTES) this.clear();
  }

  clear(): void {
    this.#docs.clear();
    this.#bytes = 0;
  }

  #keep(place: string, doc: Document | null): void {
    this.#docs.set(place, doc);
    this.#bytes += roughBytes(doc);
  }
}
