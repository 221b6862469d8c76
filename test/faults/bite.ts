/**
 * Makes the changes of `mutations.ts` in a copy, one at a time, and looks whether their scenarios see them.
 * `npm run faults -- --mutations` makes them all, which takes a while; `mutations.test.ts` makes a cheap one inside
 * `npm test`.
 */
import { copyOf, type MutatedCopy, type Ran } from "../mutated-copy.ts";
import { type Mutation, MUTATIONS } from "./mutations.ts";

const PARTS = ["packages", "apps", "test", "package.json"];
/** A mutation may also make a run hang: that is red too, but names nothing. In milliseconds. */
const RUN_MS = 400_000;

/** What became of one mutation. */
export interface Bitten {
  readonly name: string;
  /** Null: green before, red after, for the reason it should be. */
  readonly wrong: string | null;
}

/** The sources, scenarios included. */
export function copyForMutations(): Promise<MutatedCopy> {
  return copyOf(PARTS);
}

/** Runs what sees the mutation twice, without it and with it. `green`: what is known to be green in this copy already. */
export async function bite(copy: MutatedCopy, mutation: Mutation, green: Set<string>): Promise<Bitten> {
  const { name, seenBy, edits, verdict } = mutation;
  const what = JSON.stringify(seenBy);
  if (!green.has(what)) {
    const before = await run(copy, seenBy);
    if (before.code !== 0) return { name, wrong: `red without it:\n${lastOf(before.output)}` };
    green.add(what);
  }
  const after = await copy.with(name, edits, () => run(copy, seenBy));
  if (after.code === 0) return { name, wrong: `${what} stays green with it:\n${lastOf(after.output)}` };
  return { name, wrong: verdict.test(after.output) ? null : `red for another reason:\n${lastOf(after.output)}` };
}

/** Runs all of them, or those whose names hold `only`, and prints what became of each. True when all bit. */
export async function biteAll(only: string): Promise<boolean> {
  await using copy = await copyForMutations();
  const green = new Set<string>();
  let ok = true;
  for (const mutation of MUTATIONS.filter(({ name }) => name.includes(only))) {
    const begun = performance.now();
    const { name, wrong } = await bite(copy, mutation, green);
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`${wrong === null ? "bites" : "FAILED"}  ${name} (${JSON.stringify(mutation.seenBy)}, ${seconds} s)`);
    if (wrong !== null) console.log(wrong);
    ok &&= wrong === null;
  }
  return ok;
}

function run(copy: MutatedCopy, { scenario, store }: Mutation["seenBy"]): Promise<Ran> {
  return copy.run("test/faults/main.ts", ["--quick", "--only", scenario, "--store", store], RUN_MS);
}

function lastOf(output: string): string {
  return output.slice(-4_000);
}
