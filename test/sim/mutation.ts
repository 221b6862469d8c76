/** What a mutation of the simulation is. */

/** One careless change to the product's source, and the scenario that turns red by it. */
export interface Mutation {
  readonly name: string;
  readonly scenario: string;
  /** Seeds that surely show it. */
  readonly seeds: number;
  readonly file: string;
  /** Text that must be there exactly once, and what takes its place. */
  readonly edits: readonly (readonly [find: string, replace: string])[];
  /** What the verdict must name. */
  readonly promise: RegExp;
}
