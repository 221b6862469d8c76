/** Looks at pools and sources now and then: what is in trouble at two looks in a row is told once, until it is well again. */

import type { Notice } from "./notice.ts";
import { trouble } from "./notice.ts";

const BAD_POOLS: ReadonlySet<string> = new Set(["backing_off", "image_missing", "engine_unreachable"]);

export interface TroubleOptions {
  readonly pools: () => readonly { readonly name: string; readonly state: string; readonly message: string }[];
  readonly sources: () => readonly {
    readonly source: { readonly id: string };
    readonly health: { readonly error: { readonly message: string } | null };
  }[];
}

export interface TroubleWatch {
  /** What is to be told at this look. */
  look(at: number): readonly Notice[];
  /** Another beginning. */
  clear(): void;
}

export function createTroubleWatch({ pools, sources }: TroubleOptions): TroubleWatch {
  /** Looks in a row at which it was in trouble. */
  const looks = new Map<string, number>();
  return {
    look(at) {
      const bad = [
        ...pools()
          .filter(({ state }) => BAD_POOLS.has(state))
          .map(({ name, state, message }) => trouble("pool", name, state, message, at)),
        ...sources().flatMap(({ source, health }) =>
          health.error === null ? [] : [trouble("source", source.id, "cannot_be_read", health.error.message, at)],
        ),
      ];
      const keys = new Set(bad.map(({ key }) => key));
      for (const key of looks.keys()) if (!keys.has(key)) looks.delete(key);
      return bad.filter(({ key }) => {
        const times = (looks.get(key) ?? 0) + 1;
        looks.set(key, times);
        return times === 2;
      });
    },
    clear: () => looks.clear(),
  };
}
