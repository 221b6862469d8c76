/** One poll of GitHub under way: how far it has read, what it found, and how it asks. */

import { z } from "zod";
import type { Occurrence } from "../contract.ts";
import type { GitHubCaller } from "./github-call.ts";
import type { GitHubSettings } from "./github-settings.ts";
import type { MayOrder } from "./people.ts";

/** How far a source of the type `github` has read. */
export const githubCursor = z.object({
  /** The tag of the last answer, by path. */
  tags: z.record(z.string(), z.string()).default({}),
  /** Open issues with the label, by number. `null`: whoever gave the label may not. `seen`: its last change. */
  issues: z.record(z.string(), z.object({ episode: z.string().nullable(), seen: z.string() })).default({}),
  /**
   * Hive's open pull requests by number: the commit whose red checks were told; the review up to which all are known; and
   * those beyond it that are. A review has its number since it was begun: one with a smaller number may be sent later.
   */
  pulls: z
    .record(
      z.string(),
      z.object({ red: z.string().nullable(), review: z.int(), reviews: z.array(z.int()).default([]) }),
    )
    .default({}),
  /** False until the pull requests were looked at once: what was said of them before is over. */
  pullsKnown: z.boolean().default(false),
  /** Red checks of the default branch. */
  red: z.array(z.string()).default([]),
});
export type GitHubCursor = z.output<typeof githubCursor>;

/** One poll under way: what it has is written into `cursor` and `found` step by step, each step as a whole. */
export interface Asking {
  readonly own: GitHubSettings;
  /** `owner/name`. */
  readonly name: string;
  readonly caller: GitHubCaller;
  readonly mayOrder: MayOrder;
  readonly now: number;
  readonly cursor: GitHubCursor;
  readonly found: Occurrence[];
  /** Paths that were asked: the tags of others are forgotten. */
  readonly asked: Set<string>;
}

/** Asks with the tag of the last answer. Null: nothing is new. `keep` is called once what was read is in the cursor. */
export async function askAgain<T>(
  { caller, cursor, asked }: Asking,
  path: string,
  schema: z.ZodType<T>,
): Promise<{ readonly data: T; readonly keep: () => void } | null> {
  asked.add(path);
  const answer = await caller.get(path, schema, cursor.tags[path] ?? null);
  if (!answer.news) return null;
  return {
    data: answer.data,
    keep: () => {
      if (answer.etag === null) delete cursor.tags[path];
      else cursor.tags[path] = answer.etag;
    },
  };
}
