/**
 * Asks a repository what is new, as a machine must that no webhook reaches: the issues with the label, and reviews and
 * checks of the pull requests that Hive opened. Answers are asked for with the tag of the last one, so that of a quiet
 * repository only the list of pull requests costs something of GitHub's rate limit.
 */

import type { Polled, PollTools } from "../contract.ts";
import { type Asking, githubCursor } from "./asking.ts";
import { createGitHubCaller, RateLimited } from "./github-call.ts";
import { placeOfRepo, type GitHubSettings } from "./github-settings.ts";
import { pollIssues } from "./poll-issues.ts";
import { pollMain } from "./poll-main.ts";
import { pollPulls } from "./poll-pulls.ts";
import { createMayOrder } from "./people.ts";

/** One poll. @throws an error for people; a rate limit is none, it only ends the poll sooner */
export async function pollGitHub(own: GitHubSettings, stored: unknown, tools: PollTools): Promise<Polled> {
  const { name, apiUrl } = placeOfRepo(own);
  const token = own.token === undefined ? null : tools.secret(own.token);
  const caller = createGitHubCaller(apiUrl, token, tools);
  const read = githubCursor.safeParse(stored ?? {});
  const cursor = read.success ? read.data : githubCursor.parse({});
  const before = JSON.stringify(cursor);
  const asking: Asking = {
    ...{ own, name, caller, now: tools.now, cursor, found: [], asked: new Set() },
    mayOrder: createMayOrder(own, caller),
  };
  let waitMs: number | null = null;
  try {
    if (own.on.includes("issues")) await pollIssues(asking);
    if (own.on.includes("reviews") || own.on.includes("checks")) await pollPulls(asking);
    if (own.on.includes("default_branch")) await pollMain(asking);
    for (const path of Object.keys(cursor.tags)) if (!asking.asked.has(path)) delete cursor.tags[path];
  } catch (error) {
    if (!(error instanceof RateLimited)) throw error;
    ({ waitMs } = error);
  }
  const afterMs = waitMs ?? caller.pause();
  return {
    occurrences: asking.found,
    // Nothing is written where nothing is new.
    cursor: stored !== null && JSON.stringify(cursor) === before ? null : cursor,
    memories: {},
    more: false,
    ...(afterMs === null ? {} : { afterMs }),
    ...(waitMs === null ? {} : { notice: new RateLimited(waitMs).message }),
  };
}
