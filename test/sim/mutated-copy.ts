/** The copy of the sources in which the simulation's mutations are made. */
import { copyOf, type Ran } from "../mutated-copy.ts";
import type { Mutation } from "./mutation.ts";

/** What the simulation is made of. */
const PARTS = ["packages/core", "packages/protocol", "apps/dispatcher", "apps/worker", "test/sim"];

/** A copy of the sources that the simulation needs, over the same installed packages. */
export interface Copy {
  /** Runs a scenario in the copy. */
  run(scenario: string, seeds: number): Promise<Ran>;
  /** Makes the change, calls `during`, and takes it back. @throws when the text to change is not there exactly once. */
  with<T>(mutation: Mutation, during: () => Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

/** Copies the sources to a temporary folder. */
export async function copySources(): Promise<Copy> {
  const copy = await copyOf(PARTS);
  return {
    run: (scenario, seeds) =>
      copy.run("test/sim/main.ts", ["--scenario", scenario, "--seeds", String(seeds), "--until-broken"]),
    with: ({ name, file, edits }, during) =>
      copy.with(
        name,
        edits.map(([find, replace]) => ({ file, find, replace })),
        during,
      ),
    dispose: async () => copy[Symbol.asyncDispose](),
  };
}
