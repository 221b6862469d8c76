/**
 * Groups messages of a log by the statement that wrote them, without knowing the program: a Drain tree (He et al., 2017).
 * Messages of as many words and with the same first word are compared word by word; where enough are the same, the
 * message belongs to the group, and words that differ become variables in its template.
 *
 * A group keeps its id however its template changes: jobs hang on the id, and a template string changes while a log is
 * read. The id comes from the message that began the group, so a log that is read again from an older position, or a
 * group that was forgotten and comes back, has the same id. Everything the tree knows is in its documents, in whatever order
 * they come: a restart in the middle changes nothing.
 */

import { ANY, maskMessage, wordsOf } from "./masks.ts";
import { textId } from "./text-id.ts";

/** A group as stored, in a memory of its source. */
export interface LineGroup {
  readonly id: string;
  /** Words of its template; `<*>` is a variable. */
  readonly words: readonly string[];
  /** The first word it is found by; `<*>`: any. It stays although the template changes. */
  readonly first: string;
  /** When it was last met: messages seen by then, rounded down so that not every message changes a document. */
  readonly used: number;
}

/** How alike is alike, and how much is remembered. */
export interface LineGroupLimits {
  /** Share of words that must be the same, 0 to 1. Default: 0.7. */
  readonly similarity?: number;
  /** First words told apart among messages of one length; with more, the rest share one branch. Default: 100. */
  readonly branches?: number;
  /** Groups in all; the ones not met for longest go. Default: 10,000. */
  readonly groups?: number;
  /** Groups with the same length and first word: it bounds the work one line can cause. Default: 250. */
  readonly perBranch?: number;
}

/** The changes since they were last taken: documents to keep, and null for ids that were forgotten. */
export type LineGroupChanges = ReadonlyMap<string, LineGroup | null>;

/** Share of all groups that `used` is rounded to, in messages. */
const USED_SHARE = 0.05;
/** Share of a full place that is cleared at once: looking for the oldest is work, and so is telling of many. */
const CLEARED_SHARE = 0.02;

/** The groups of one source's log. */
export class LineGroups {
  readonly #similarity: number;
  readonly #branches: number;
  readonly #groupsMax: number;
  readonly #perBranch: number;
  readonly #groups = new Map<string, LineGroup>();
  /** The same by length, then first word, then id. */
  readonly #tree = new Map<number, Map<string, Map<string, LineGroup>>>();
  #changes = new Map<string, LineGroup | null>();
  #seen: number;

  /** `stored`: what it knew, in any order. `seen`: messages it had seen by then. */
  constructor(stored: Iterable<LineGroup>, seen: number, limits: LineGroupLimits = {}) {
    this.#similarity = limits.similarity ?? 0.7;
    this.#branches = limits.branches ?? 100;
    this.#groupsMax = limits.groups ?? 10_000;
    this.#perBranch = limits.perBranch ?? 250;
    this.#seen = seen;
    for (const group of stored) this.#place(group);
  }

  /** Messages seen, to be stored beside the groups. */
  get seen(): number {
    return this.#seen;
  }

  /** How many groups it knows. */
  get size(): number {
    return this.#groups.size;
  }

  /** The group this message belongs to; a new one when none is like it. */
  add(message: string): LineGroup {
    this.#seen += 1;
    const words = wordsOf(maskMessage(message));
    const first = words[0] ?? "";
    const alike = this.#mostAlike(words, first);
    return alike === undefined ? this.#begin(words, first) : this.#meet(alike, words);
  }

  /** What is to be stored, and forgets that it was. */
  takeChanges(): LineGroupChanges {
    const changes = this.#changes;
    this.#changes = new Map();
    return changes;
  }

  #mostAlike(words: readonly string[], first: string): LineGroup | undefined {
    const branches = this.#tree.get(words.length);
    if (branches === undefined) return undefined;
    let best: LineGroup | undefined;
    let bestSame = Math.ceil(this.#similarity * words.length - 1e-9);
    for (const branch of first === ANY ? [ANY] : [first, ANY]) {
      for (const group of branches.get(branch)?.values() ?? []) {
        const same = sameWords(group.words, words, bestSame);
        if (same < bestSame || (same === bestSame && best !== undefined && !comesBefore(group, best))) continue;
        best = group;
        bestSame = same;
      }
    }
    return best;
  }

  #begin(words: readonly string[], first: string): LineGroup {
    const branches = this.#tree.get(words.length);
    const known = branches?.has(first) === true;
    const named = first !== ANY && !first.includes(ANY) && (known || (branches?.size ?? 0) < this.#branches);
    const branch = named ? first : ANY;
    const group = { id: textId(words.join(" ")), words, first: branch, used: this.#usedNow() };
    this.#makeRoom(words.length, branch);
    this.#place(group);
    this.#changes.set(group.id, group);
    return group;
  }

  #meet(group: LineGroup, words: readonly string[]): LineGroup {
    const widened =
      group.words.length === words.length && group.words.some((word, i) => word !== ANY && word !== words[i]);
    const used = this.#usedNow();
    if (!widened && group.used === used) return group;
    const next: LineGroup = {
      ...group,
      words: widened ? group.words.map((word, i) => (word === words[i] ? word : ANY)) : group.words,
      used,
    };
    this.#place(next);
    this.#changes.set(group.id, next);
    return next;
  }

  #usedNow(): number {
    const step = Math.max(1, Math.floor(this.#groupsMax * USED_SHARE));
    return this.#seen - (this.#seen % step);
  }

  #makeRoom(length: number, branch: string): void {
    const beside = this.#tree.get(length)?.get(branch);
    if (beside !== undefined && beside.size >= this.#perBranch) this.#forgetSome([...beside.values()], this.#perBranch);
    if (this.#groups.size >= this.#groupsMax) this.#forgetSome([...this.#groups.values()], this.#groupsMax);
  }

  #forgetSome(groups: LineGroup[], full: number): void {
    groups.sort((a, b) => a.used - b.used || (a.id < b.id ? -1 : 1));
    for (const group of groups.slice(0, Math.max(1, Math.floor(full * CLEARED_SHARE)))) {
      this.#groups.delete(group.id);
      this.#changes.set(group.id, null);
      const branches = this.#tree.get(group.words.length);
      const branch = branches?.get(group.first);
      branch?.delete(group.id);
      if (branch?.size === 0) branches?.delete(group.first);
    }
  }

  #place(group: LineGroup): void {
    this.#groups.set(group.id, group);
    const branches = this.#tree.get(group.words.length) ?? new Map<string, Map<string, LineGroup>>();
    this.#tree.set(group.words.length, branches);
    const branch = branches.get(group.first) ?? new Map<string, LineGroup>();
    branches.set(group.first, branch);
    branch.set(group.id, group);
  }
}

/**
 * How many words are the same; gives up (with less) as soon as `needed` is out of reach. A word that became a variable is
 * the same as no other word: a template of variables only would swallow everything.
 */
function sameWords(template: readonly string[], words: readonly string[], needed: number): number {
  let same = 0;
  let spare = words.length - needed;
  for (let i = 0; i < words.length; i += 1) {
    if (template[i] === words[i]) same += 1;
    else {
      spare -= 1;
      if (spare < 0) return -1;
    }
  }
  return same;
}

/** Which of two equally alike groups a message joins: the more open one; it must not depend on who came first. */
function comesBefore(a: LineGroup, b: LineGroup): boolean {
  const open = variables(a) - variables(b);
  return open > 0 || (open === 0 && a.id < b.id);
}

function variables(group: LineGroup): number {
  return group.words.reduce((sum, word) => sum + (word === ANY ? 1 : 0), 0);
}
