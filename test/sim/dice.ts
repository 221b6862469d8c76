/** Chance that repeats: every part of a run draws from dice of its own, made from the run's seed and the part's name. */

/** A source of chance for one part of a run. */
export interface Dice {
  /** In [0, 1). */
  roll(): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** One of a list that may be empty. */
  some<T>(choices: readonly T[]): T | undefined;
  /** A copy in another order. */
  shuffled<T>(values: readonly T[]): T[];
}

/** Dice for this part of this run (mulberry32 over a hash of both). */
export function dice(seed: number, part: string): Dice {
  let a = seed >>> 0;
  for (const letter of part) a = Math.imul(a ^ (letter.codePointAt(0) ?? 0), 0x9e37_79b1) >>> 0;
  const roll = (): number => {
    a = (a + 0x6d2b_79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (low: number, high: number): number => low + Math.floor(roll() * (high - low + 1));
  return {
    roll,
    int,
    chance: (probability) => roll() < probability,
    pick: (choices) => choices[int(0, choices.length - 1)] ?? choices[0],
    some: (choices) => (choices.length === 0 ? undefined : choices[int(0, choices.length - 1)]),
    shuffled(values) {
      const copy = [...values];
      for (let place = copy.length - 1; place > 0; place -= 1) {
        const other = int(0, place);
        const [one, two] = [copy[place], copy[other]];
        if (one !== undefined && two !== undefined) [copy[place], copy[other]] = [two, one];
      }
      return copy;
    },
  };
}
