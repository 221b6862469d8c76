/**
 * The simulation must bite: each mutation is one careless change to the product's source, made in a copy, and the named
 * scenario must turn red by it. A mutation whose source text is no longer there fails loudly, so that it is renewed
 * together with the code it is about.
 */

import type { Mutation } from "./mutation.ts";
import { MUTATIONS_OF_PROGRAMS } from "./mutations-of-programs.ts";
import { MUTATIONS_OF_RULES } from "./mutations-of-rules.ts";
import { MUTATIONS_OF_SCHEDULES } from "./mutations-of-schedules.ts";
import { MUTATIONS_OF_SOURCES } from "./mutations-of-sources.ts";

/** All of them. */
export const MUTATIONS: readonly Mutation[] = [
  ...MUTATIONS_OF_RULES,
  ...MUTATIONS_OF_PROGRAMS,
  ...MUTATIONS_OF_SCHEDULES,
  ...MUTATIONS_OF_SOURCES,
];
