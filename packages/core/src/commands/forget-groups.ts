/** Retention: groups of which nothing was heard for long, and that have nothing to do, are not kept any more. */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { hasOpenJob } from "../group-rules.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { source, fingerprints }: CommandOf<"forgetGroups">): Key[] {
  return bookKeys(source, fingerprints);
}

/** Leaves those alone that were heard of since, that wait for something, that have a job, or that a person muted. */
export function forgetGroups(step: Step, command: CommandOf<"forgetGroups">): Replies["forgetGroups"] {
  const { source, fingerprints, before } = command;
  const book = new GroupBook(step, source);
  let forgotten = 0;
  for (const fingerprint of fingerprints) {
    const group = book.group(fingerprint);
    if (group === null || group.lastAt >= before || hasOpenJob(group)) continue;
    if (group.stage !== "quiet" && group.stage !== "resolved") continue;
    book.drop(group);
    forgotten += 1;
  }
  if (forgotten > 0) book.close();
  return { forgotten };
}
