/**
 * Turns: so many at once for each key, the others wait in order. Keeps one job from asking the dispatcher faster than it
 * has a right to, without refusing a program that merely opens many connections at once.
 */

export interface Turns {
  /** Resolves with how to give the turn back; null when too many wait for this key, or anywhere. */
  take(key: string): Promise<(() => void) | null>;
}

export interface TurnLimits {
  /** At once, of one key. */
  readonly atOnce: number;
  /** Waiting, of one key. */
  readonly waiting: number;
  /** At once and waiting, of all keys together. */
  readonly all: number;
}

interface Line {
  taken: number;
  readonly waiting: ((giveBack: () => void) => void)[];
}

export function createTurns(limits: TurnLimits): Turns {
  const lines = new Map<string, Line>();
  let all = 0;

  function giver(key: string, line: Line): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      all -= 1;
      const next = line.waiting.shift();
      if (next !== undefined) return next(giver(key, line));
      line.taken -= 1;
      if (line.taken === 0) lines.delete(key);
    };
  }

  return {
    async take(key) {
      const line = lines.get(key) ?? { taken: 0, waiting: [] };
      if (all >= limits.all || line.waiting.length >= limits.waiting) return null;
      all += 1;
      lines.set(key, line);
      if (line.taken < limits.atOnce) {
        line.taken += 1;
        return giver(key, line);
      }
      return new Promise((settle) => line.waiting.push(settle));
    },
  };
}
