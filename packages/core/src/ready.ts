/**
 * The queued jobs, so that a worker finds its next one at once. Each requirement has one list per concurrency key, and a
 * heap of the heads of those lists whose key is under its limit. A full key is out of the heap with all its jobs, so
 * fifty thousand jobs of a busy branch cost the others nothing ("look at the first ten and skip" starves them: measured,
 * 63 % of claims came back empty while work waited). Lists and requirements that are empty are dropped.
 */

import type { Before } from "./heap.ts";
import { Heap } from "./heap.ts";
import type { Job } from "./job.ts";
import { LazyHeap } from "./lazy-heap.ts";
import { type Skills, fits, requirementOf, skillsName } from "./requirement.ts";

/** How many different kinds of worker are remembered with the requirements they meet. */
const KINDS = 256;

/** Requirements looked at to deal out jobs; a queue of more kinds of jobs than this tells of the rest once some are gone. */
const LOOKS = 10_000;

/** The queue's order: priority (0 first), then first in, first out. */
export const sooner: Before<Job> = (a, b) =>
  a.priority < b.priority || (a.priority === b.priority && a.order < b.order);

/** The queued jobs of one requirement and key. Most have a single job, which is why the rest is apart. */
interface List {
  first: Job;
  more: LazyHeap<Job> | null;
  /** Its place among the requirement's heads, -1 while the key is full. */
  place: number;
}

interface Requirement {
  readonly name: string;
  /** Any of its jobs: they all ask for the same. */
  readonly sample: Pick<Job, "role" | "labels" | "agent">;
  readonly lists: Map<string | null, List>;
  readonly heads: Heap<List>;
}

interface Kind {
  readonly skills: Skills;
  readonly meets: Set<Requirement>;
}

/** Workers that could take jobs now, or be started for them. */
export interface Offer {
  readonly skills: Skills;
  /** How many there may be. */
  readonly room: number;
}

export interface ReadyOptions {
  /** Is this job object still the queued one? Asked only for jobs that were added here. */
  readonly isLive: (job: Job) => boolean;
  /** May one more job of this key run? */
  readonly isOpen: (key: string) => boolean;
  /** The order. Default `sooner`. */
  readonly before?: Before<Job>;
}

export class Ready {
  readonly #requirements = new Map<string, Requirement>();
  readonly #kinds = new Map<string, Kind>();
  readonly #isLive: (job: Job) => boolean;
  readonly #isOpen: (key: string) => boolean;
  readonly #before: Before<Job>;

  constructor(options: ReadyOptions) {
    this.#isLive = options.isLive;
    this.#isOpen = options.isOpen;
    this.#before = options.before ?? sooner;
  }

  /** Requirements that have a queued job. */
  get requirements(): number {
    return this.#requirements.size;
  }

  /** Adds a queued job. Gives its requirement when it can be claimed now, null while its key is full. */
  add(job: Job): string | null {
    const requirement = this.#requirement(job);
    const list = requirement.lists.get(job.key);
    const open = job.key === null || this.#isOpen(job.key);
    if (list === undefined) {
      const fresh: List = { first: job, more: null, place: -1 };
      requirement.lists.set(job.key, fresh);
      if (open) requirement.heads.push(fresh);
    } else {
      list.more ??= new LazyHeap(this.#before, this.#isLive);
      if (this.#before(job, list.first)) {
        list.more.push(list.first);
        list.first = job;
        if (list.place >= 0) requirement.heads.fix(list.place);
      } else {
        list.more.push(job);
      }
    }
    return open ? requirement.name : null;
  }

  /** Takes a job out that is not queued any more; `isLive` must already say so. */
  remove(job: Job): void {
    const requirement = this.#requirements.get(requirementOf(job));
    const list = requirement?.lists.get(job.key);
    if (requirement === undefined || list === undefined) return;
    if (list.first !== job) {
      list.more?.bury();
      if (list.more?.held === 0) list.more = null;
      return;
    }
    const next = list.more?.pop();
    if (next !== undefined) {
      list.first = next;
      if (list.more?.held === 0) list.more = null;
      if (list.place >= 0) requirement.heads.fix(list.place);
      return;
    }
    if (list.place >= 0) requirement.heads.removeAt(list.place);
    requirement.lists.delete(job.key);
    if (requirement.lists.size === 0) this.#drop(requirement);
  }

  /** The job a worker with these skills gets next, left in its list; null when there is none. */
  best(skills: Skills): Job | null {
    let best: Job | null = null;
    for (const requirement of this.#kind(skills).meets) {
      const head = requirement.heads.peek()?.first;
      if (head !== undefined && (best === null || this.#before(head, best))) best = head;
    }
    return best;
  }

  /** A key reached its limit: its jobs are out of sight. */
  close(key: string): void {
    for (const requirement of this.#requirements.values()) {
      const list = requirement.lists.get(key);
      if (list !== undefined && list.place >= 0) requirement.heads.removeAt(list.place);
    }
  }

  /** A key is under its limit again. Gives the requirements that have jobs of it. */
  open(key: string): readonly string[] {
    const names: string[] = [];
    for (const requirement of this.#requirements.values()) {
      const list = requirement.lists.get(key);
      if (list === undefined) continue;
      if (list.place < 0) requirement.heads.push(list);
      names.push(requirement.name);
    }
    return names;
  }

  /**
   * Deals out the jobs that can be claimed now: each counts once, for the first offer that fits and has room, and of a key
   * no more count than `left` says may still run. Looks at as many lists as there is room, and at `LOOKS` requirements.
   */
  deal(offers: readonly Offer[], left: (key: string) => number): number[] {
    const taken = new Map<string, number>();
    const counts = new Map<Requirement, Iterator<number, void>>();
    let looks = 0;
    return offers.map(({ skills, room }) => {
      let dealt = 0;
      for (const requirement of this.#kind(skills).meets) {
        if (dealt >= room || looks >= LOOKS) break;
        looks += 1;
        let ones = counts.get(requirement);
        if (ones === undefined) counts.set(requirement, (ones = oneByOne(requirement, left, taken)));
        while (dealt < room && ones.next().done !== true) dealt += 1;
      }
      return dealt;
    });
  }

  #requirement(job: Job): Requirement {
    const name = requirementOf(job);
    const known = this.#requirements.get(name);
    if (known !== undefined) return known;
    const before = this.#before;
    const fresh: Requirement = {
      name,
      sample: { role: job.role, labels: job.labels, agent: job.agent },
      lists: new Map(),
      heads: new Heap<List>(
        (a, b) => before(a.first, b.first),
        (list, place) => {
          list.place = place;
        },
      ),
    };
    this.#requirements.set(name, fresh);
    for (const kind of this.#kinds.values()) if (fits(kind.skills, fresh.sample)) kind.meets.add(fresh);
    return fresh;
  }

  #drop(requirement: Requirement): void {
    this.#requirements.delete(requirement.name);
    for (const kind of this.#kinds.values()) kind.meets.delete(requirement);
  }

  #kind(skills: Skills): Kind {
    const name = skillsName(skills);
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    const fresh: Kind = { skills, meets: new Set() };
    for (const requirement of this.#requirements.values()) {
      if (fits(skills, requirement.sample)) fresh.meets.add(requirement);
    }
    const oldest = this.#kinds.size >= KINDS ? this.#kinds.keys().next().value : undefined;
    if (oldest !== undefined) this.#kinds.delete(oldest);
    this.#kinds.set(name, fresh);
    return fresh;
  }
}

/** Comes round once for each job of a requirement that can be claimed now, and notes the keys. */
function* oneByOne(
  requirement: Requirement,
  left: (key: string) => number,
  taken: Map<string, number>,
): Generator<number, void> {
  for (const { first, more } of requirement.heads.values()) {
    const { key } = first;
    for (let jobs = 1 + (more?.living ?? 0); jobs > 0; jobs -= 1) {
      if (key !== null) {
        const already = taken.get(key) ?? 0;
        if (already >= left(key)) break;
        taken.set(key, already + 1);
      }
      yield jobs;
    }
  }
}
