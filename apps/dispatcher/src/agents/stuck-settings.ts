/** When an agent counts as stuck: `stuck:` in hive.yaml. Workers are told with each job. */

import { DEFAULT_STUCK_LIMITS } from "@hive/protocol";
import { z } from "zod";

export const stuckSchema = z.strictObject({
  /** Seconds without output. Long silent commands of an agent count too: what they print, it does not pass on. Default 900. */
  silentSeconds: z.number().min(1).max(86_400).default(900),
  /**
   * The same call of a tool with the same answer, or the same two or three in turn, this often in a row; with other
   * answers five times as often. 0: never. Default 8.
   */
  repeats: z
    .int()
    .max(1_000)
    .refine((times) => times === 0 || times >= 2, "must be 0 (never) or at least 2")
    .default(DEFAULT_STUCK_LIMITS.repeats),
  /** Answers of the model in a row that changed no file. 0: never. Default 100. */
  turns: z.int().min(0).max(100_000).default(DEFAULT_STUCK_LIMITS.turns),
});
export type StuckSettings = z.output<typeof stuckSchema>;
