/**
 * The unchanging parts of the jobs accepted last. A job that a worker waits for is handed out a moment after it was
 * stored: its body need not be read back from the store for that. Only committed bodies get in, and a body never changes.
 */

import { docKey, type Change, type Document, type JobBody, type Key } from "@hive/core";

const KEPT = 256;
/** Bodies with longer texts, in characters, are left to the store. */
const LONGEST = 16_384;

export class RecentBodies {
  readonly #bodies = new Map<string, Document>();

  /** Takes in what a commit has just stored. */
  add(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.collection !== "bodies") continue;
      // A body never changes, but it goes with its job, and another may come under the same id one day.
      this.#bodies.delete(docKey(change));
      if (change.doc === null || !isShort(change.doc as Document & JobBody)) continue;
      this.#bodies.set(docKey(change), change.doc);
      const [oldest] = this.#bodies.keys();
      if (this.#bodies.size > KEPT && oldest !== undefined) this.#bodies.delete(oldest);
    }
  }

  /** All of these documents, or null when one of them is not here. */
  find(keys: readonly Key[]): readonly Document[] | null {
    const found: Document[] = [];
    for (const key of keys) {
      const body = this.#bodies.get(docKey(key));
      if (body === undefined) return null;
      found.push(body);
    }
    return found;
  }
}

function isShort({ instructions, script, changes }: JobBody): boolean {
  return changes === null && (instructions?.length ?? 0) + (script?.length ?? 0) <= LONGEST;
}
