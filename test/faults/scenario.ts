/**
 * What a scenario of the fault suite is. Each is a module `scenarios/fNN-….ts` of its own and stands in `registry.ts`:
 * it starts real programs, does harm to them, and names every promise that it found broken. `main.ts` runs scenarios
 * by name and in full; `quick.test.ts` runs each one small inside `npm test`.
 */

/** Where the dispatchers of a run keep their jobs. */
export type StoreKind = "sqlite" | "redis";

/** `quick`: seconds, for `npm test`. `full`: as many faults as the figures in the documents are about. */
export type Size = "quick" | "full";

/** How one run is to be. */
export interface ScenarioOptions {
  readonly size: Size;
  /** Repeats the dice of a run; the machine's own timing nobody repeats. */
  readonly seed: number;
  readonly store: StoreKind;
  /** How long a run that has no other end goes on. Default: as the scenario says for its size. */
  readonly minutes?: number;
}

/** What came of one run. */
export interface ScenarioOutcome {
  /** Printed as they are, in this order: jobs, faults, lost, doubled, stale writes accepted, takeover times. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** Every broken promise in one line, also that the run did not try hard enough. Empty: all held. */
  readonly broken: readonly string[];
}

/** One scenario. */
export interface Scenario {
  /** Such as `F1`: what `--only` takes. */
  readonly id: string;
  /** A sentence that says what holds. */
  readonly title: string;
  /** The stores it says something about. */
  readonly stores: readonly StoreKind[];
  /** Those of them that `npm test` runs it on, where one says as much as the other in a small run. Default: all. */
  readonly quickStores?: readonly StoreKind[];
  /** Mounts or namespaces of its own are needed: skipped for other users. Default false. */
  readonly needsRoot?: boolean;
  /** Milliseconds after which a quick run hangs. Default 180,000. */
  readonly quickLimitMs?: number;
  /** Runs it in a world of its own, and leaves nothing behind. @throws when the machine cannot, not for a broken promise */
  run(options: ScenarioOptions): Promise<ScenarioOutcome>;
}

/** One of two numbers, by size. */
export function sized<T>(size: Size, values: { readonly quick: T; readonly full: T }): T {
  return values[size];
}

/** The figures in one line. */
export function tellFigures(figures: ScenarioOutcome["figures"]): string {
  return Object.entries(figures)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");
}

/** Median and maximum of times in milliseconds, for the figures: `p50 812 ms, max 2,240 ms`. */
export function tellTimes(ms: readonly number[]): string {
  if (ms.length === 0) return "none";
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  return `p50 ${at(0.5)} ms, max ${at(1)} ms`;
}
