/** Random operations on a store, compared step by step with the plainest thing that could work: a Map of texts. */

import type { Change, CollectionDeclaration, Document } from "@hive/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Query, StoreExpectation, StoreFenced } from "./contract.ts";
import type { StoreHarness } from "./contract.suite.ts";

const IDS = ["a", "b", "c", "aa", "B", "ż", "\uFFFD", "🐝", "d/1", "d/2"] as const;
const STATES = ["red", "blue", 1, "1", true, undefined] as const;

const change = fc.record({
  collection: fc.constantFrom("things", "plain"),
  id: fc.constantFrom(...IDS),
  doc: fc.option(
    fc.record({
      n: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(undefined), fc.double({ noNaN: true })),
      m: fc.constantFrom(0, 0.5, -0, undefined),
      state: fc.constantFrom(...STATES),
      flag: fc.constantFrom(true, false, undefined),
      text: fc.string({ unit: "binary" }),
    }),
    { freq: 4 },
  ),
});

const query = fc.record(
  {
    collection: fc.constant("things"),
    which: fc.constantFrom("id", "all", "state", "both"),
    state: fc.constantFrom("red", "blue", 1, "1", true),
    order: fc.constantFrom("ascending", "descending"),
    limit: fc.integer({ min: 1, max: 4 }),
    from: fc.integer({ min: -3, max: 3 }),
    below: fc.integer({ min: -3, max: 3 }),
  },
  { requiredKeys: ["collection", "which", "state"] },
);

const step = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      type: fc.constant("commit" as const),
      changes: fc.array(change, { maxLength: 6 }),
      absent: fc.array(fc.constantFrom(...IDS), { maxLength: 1 }),
    }),
  },
  { weight: 40, arbitrary: fc.record({ type: fc.constant("list" as const), query }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant("get" as const), ids: fc.array(fc.constantFrom(...IDS)) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant("wrong" as const),
      by: fc.constantFrom(-1, 0, 2),
      changes: fc.array(change, { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reopen" as const) }) },
);

type Stored = Map<string, Document>;

/** One long run per seed: what one run leaves behind is the next step's ground. */
export function modelSuite(make: () => Promise<StoreHarness>, collections: readonly CollectionDeclaration[]): void {
  it("does what a Map would, over thousands of random operations", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 200, maxLength: 400 }), async (steps) => {
        const harness = await make();
        let store = harness.store();
        try {
          let election = await store.open(collections);
          let sequence = 0;
          const model: Record<string, Stored> = { things: new Map(), plain: new Map() };
          for (const next of steps) {
            if (next.type === "commit") {
              const expectAbsent = next.absent.map((id) => ({ collection: "things", id }));
              const commit = store.commit({ election, sequence: sequence + 1, changes: next.changes, expectAbsent });
              if (next.absent.some((id) => model["things"]?.has(id))) {
                await expect(commit).rejects.toThrow(StoreExpectation);
              } else {
                await commit;
                sequence += 1;
                for (const each of next.changes) applyTo(model, each);
              }
            } else if (next.type === "wrong") {
              const commit = store.commit({ election, sequence: sequence + 1 + (next.by || 5), changes: next.changes });
              await expect(commit).rejects.toThrow(StoreFenced);
            } else if (next.type === "get") {
              const found = await store.get(next.ids.map((id) => ({ collection: "things", id })));
              expect(found).toEqual(next.ids.map((id) => model["things"]?.get(id) ?? null));
            } else if (next.type === "list") {
              const asked = toQuery(next.query);
              const expected = select(model["things"] ?? new Map(), asked);
              const seen: { id: string; doc: Document }[] = [];
              for (let page = await store.list(asked); ; page = await store.list({ ...asked, after: page.next })) {
                seen.push(...page.items);
                if (page.next === null) break;
                expect(page.items).toHaveLength(asked.limit ?? 100);
              }
              expect(seen).toEqual(expected);
            } else {
              await store.close();
              store = harness.store();
              election = await store.open(collections);
              sequence = 0;
            }
          }
        } finally {
          await store.close();
          await harness.dispose();
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
  }, 120_000);
}

function applyTo(model: Record<string, Stored>, { collection, id, doc }: Change): void {
  if (doc === null) model[collection]?.delete(id);
  else model[collection]?.set(id, JSON.parse(JSON.stringify(doc)) as Document);
}

function toQuery(asked: {
  which: string;
  state: string | number | boolean;
  order?: string;
  limit?: number;
  from?: number;
  below?: number;
}): Query {
  const query: { -readonly [K in keyof Query]: Query[K] } = { collection: "things" };
  if (asked.order === "descending") query.order = "descending";
  if (asked.limit !== undefined) query.limit = asked.limit;
  if (asked.which === "id") return query;
  query.index = asked.which;
  query.equals =
    asked.which === "all" ? {} : asked.which === "state" ? { state: asked.state } : { state: asked.state, flag: true };
  if (asked.from !== undefined) query.from = asked.from;
  if (asked.below !== undefined) query.below = asked.below;
  return query;
}

function select(stored: Stored, query: Query): { id: string; doc: Document }[] {
  const field = query.index === undefined ? null : query.index === "both" ? "m" : "n";
  const range = (doc: Document) => Number(doc[field ?? ""]);
  const found = [...stored].filter(([, doc]) => {
    if (field === null) return true;
    const value = doc[field];
    if (typeof value !== "number") return false;
    if (typeof query.from === "number" && value < query.from) return false;
    if (typeof query.below === "number" && value >= query.below) return false;
    return Object.entries(query.equals ?? {}).every(([name, wanted]) => doc[name] === wanted);
  });
  found.sort(
    ([a, x], [b, y]) => (field === null ? 0 : range(x) - range(y)) || Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  if (query.order === "descending") found.reverse();
  return found.map(([id, doc]) => ({ id, doc }));
}
