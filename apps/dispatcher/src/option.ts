/** What a setting is made of. The tables of settings are in `options.ts` and beside what they set. */

import type { z } from "zod";

/** One setting: its name in the environment, its key in hive.yaml (null: environment only), and what it is for. */
export interface Option<S extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly key: string | null;
  readonly schema: S;
  readonly about: string;
}

export function option<S extends z.ZodType>(name: string, key: string | null, schema: S, about: string): Option<S> {
  return { name, key, schema, about };
}
