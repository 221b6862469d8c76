/**
 * A store with a few hundred commits in it whose every state is known: what a damaged copy of its files then shows can
 * be held against them. It must show one of those states, whole, or say that it is damaged.
 */
import { createHash } from "node:crypto";
import type { Change, CollectionDeclaration, Document } from "@hive/core";
import { type Query, type Store, StoreCorrupt } from "../../apps/dispatcher/src/store/contract.ts";
import { type Dice, dice as diceOf } from "../sim/dice.ts";

const STATES = ["queued", "running", "succeeded", "failed"] as const;

/** Small and often changed, found by its state; large and never changed. As jobs and their bodies are. */
const COLLECTIONS: readonly CollectionDeclaration[] = [
  { name: "tickets", indexes: [{ name: "state", equals: ["state"], range: "n" }] },
  { name: "texts", indexes: [] },
];

/** What is known of the store. */
export interface KeptCommits {
  /** The state after each commit, the empty one first. */
  readonly states: readonly string[];
  /** Every id there ever was. */
  readonly ids: readonly string[];
}

/** Opens the store and fills it with this many commits; it stays open. */
export async function keepCommits(store: Store, commits: number, seed: number): Promise<KeptCommits> {
  const dice = diceOf(seed, "kept commits");
  const election = await store.open(COLLECTIONS);
  const docs = new Map<string, Document>();
  const states = [digestOf(docs)];
  const ids: string[] = [];
  for (let sequence = 1; sequence <= commits; sequence += 1) {
    const changes = nextChanges(sequence, ids, docs, dice);
    await store.commit({ election, sequence, changes });
    for (const { collection, id, doc } of changes) {
      if (doc === null) docs.delete(`${collection}/${id}`);
      else docs.set(`${collection}/${id}`, doc);
    }
    states.push(digestOf(docs));
  }
  return { states, ids };
}

/** A new ticket with its text, and now and then an older one that goes on or goes away. */
function nextChanges(n: number, ids: string[], docs: ReadonlyMap<string, Document>, dice: Dice): readonly Change[] {
  const id = `ticket-${String(n).padStart(4, "0")}`;
  const changes: Change[] = [
    { collection: "tickets", id, doc: { n, state: "queued", fence: 0, key: `repo-${n % 7}` } },
    { collection: "texts", id, doc: { text: `what ${id} is about; `.repeat(dice.int(1, 30)) } },
  ];
  const other = dice.some(ids);
  const known = other === undefined ? undefined : docs.get(`tickets/${other}`);
  if (other !== undefined && known !== undefined) {
    if (dice.chance(0.1))
      for (const collection of ["tickets", "texts"]) changes.push({ collection, id: other, doc: null });
    else {
      const doc = { ...known, state: dice.pick(STATES), fence: Number(known["fence"]) + 1 };
      changes.push({ collection: "tickets", id: other, doc });
    }
  }
  ids.push(id);
  return changes;
}

/**
 * What a store shows, asked in every way there is: `whole` and `earlier` are states it had; `refused` that it says it is
 * damaged; anything else is a lie, told in `lie`.
 */
export type Shown =
  | { readonly verdict: "whole" | "earlier" }
  | { readonly verdict: "refused"; readonly why: string }
  | { readonly verdict: "lie"; readonly lie: string };

/** Opens the store, asks it for everything, and closes it. @throws whatever is no `StoreCorrupt` */
export async function showOf(store: Store, { states, ids }: KeptCommits): Promise<Shown> {
  try {
    await store.open(COLLECTIONS);
    const docs = new Map<string, Document>();
    for (const { name } of COLLECTIONS) {
      for (const { id, doc } of await listAll(store, { collection: name })) docs.set(`${name}/${id}`, doc);
    }
    const at = states.indexOf(digestOf(docs));
    if (at < 0) return { verdict: "lie", lie: `${docs.size} documents that never were there together` };
    for (const { name } of COLLECTIONS) {
      const found = await store.get(ids.map((id) => ({ collection: name, id })));
      const wrong = ids.find(
        (id, n) => JSON.stringify(found[n] ?? null) !== JSON.stringify(docs.get(`${name}/${id}`) ?? null),
      );
      if (wrong !== undefined) return { verdict: "lie", lie: `${name}/${wrong} is another when asked for by its id` };
    }
    for (const state of STATES) {
      const listed = await listAll(store, { collection: "tickets", index: "state", equals: { state } });
      const wanted = [...docs].filter(([key, doc]) => key.startsWith("tickets/") && doc["state"] === state);
      const same = wanted.every(([key]) => listed.some(({ id }) => key === `tickets/${id}`));
      if (!same || listed.length !== wanted.length)
        return { verdict: "lie", lie: `${listed.length} tickets are found as ${state}, there are ${wanted.length}` };
    }
    return { verdict: at === states.length - 1 ? "whole" : "earlier" };
  } catch (error) {
    if (error instanceof StoreCorrupt) return { verdict: "refused", why: error.message };
    throw error;
  } finally {
    await store.close().catch(() => undefined);
  }
}

async function listAll(
  store: Store,
  query: Query,
): Promise<readonly { readonly id: string; readonly doc: Document }[]> {
  const found: { readonly id: string; readonly doc: Document }[] = [];
  let after: Query["after"];
  for (;;) {
    const page = await store.list({ ...query, limit: 1000, ...(after === undefined ? {} : { after }) });
    found.push(...page.items);
    if (page.next === null) return found;
    after = page.next;
  }
}

function digestOf(docs: ReadonlyMap<string, Document>): string {
  const hash = createHash("sha256");
  for (const key of [...docs.keys()].sort()) hash.update(JSON.stringify([key, sorted(docs.get(key) ?? {})]));
  return hash.digest("hex");
}

/** Members in one order: stores may give them back in another. */
function sorted(doc: Document): readonly unknown[] {
  return Object.entries(doc).sort(([a], [b]) => (a < b ? -1 : 1));
}
