/** One cheap mutation inside `npm test`; `npm run faults -- --mutations` makes them all. */
import { expect, test } from "vitest";
import { bite, copyForMutations } from "./bite.ts";
import { MUTATIONS } from "./mutations.ts";

/** Seen within seconds, and no root is needed. */
const CHEAP = "SQLite syncs at checkpoints only";

test("a SQLite that syncs less than it should is seen by the scenario of power losses", {
  timeout: 300_000,
}, async () => {
  const mutation = MUTATIONS.find(({ name }) => name.startsWith(CHEAP));
  if (mutation === undefined) throw new Error(`there is no mutation ${CHEAP}`);
  await using copy = await copyForMutations();
  // Without it the scenario is green: it is one of those that ran just now.
  const green = new Set([JSON.stringify(mutation.seenBy)]);
  expect(await bite(copy, mutation, green)).toEqual({ name: mutation.name, wrong: null });
});

test("a mutation whose source text is gone fails loudly", async () => {
  const [first] = MUTATIONS;
  if (first === undefined) throw new Error("no mutations");
  await using copy = await copyForMutations();
  const [edit] = first.edits;
  if (edit === undefined) throw new Error("no edits");
  const edits = [{ ...edit, find: "text that nobody wrote" }];
  await expect(copy.with(first.name, edits, () => Promise.resolve())).rejects.toThrow("write it anew");
});

test("the text of every mutation is in the source", async () => {
  await using copy = await copyForMutations();
  for (const { name, edits } of MUTATIONS) await copy.with(name, edits, () => Promise.resolve());
});
