/**
 * Decides again about groups of which nothing new was heard: time passed, a place became free, or settings changed. In
 * the order given, so the first of those in line get the places there are.
 */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import type { Group } from "../group.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { decideAbout } from "../group-job.ts";
import { hasOpenJob, out } from "../group-rules.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { source, fingerprints }: CommandOf<"wakeGroups">): Key[] {
  return bookKeys(source, fingerprints);
}

export function wakeGroups(step: Step, command: CommandOf<"wakeGroups">): Replies["wakeGroups"] {
  const { source, fingerprints, policy } = command;
  const book = new GroupBook(step, source);
  for (const fingerprint of fingerprints) {
    const group = book.group(fingerprint);
    const awake = group === null ? null : wake(group, step.now.wall);
    if (awake === null) continue;
    if (hasOpenJob(awake)) book.set(awake);
    else decideAbout(book, awake, policy);
  }
  book.close();
  return { due: [...new Set(fingerprints)].filter((fingerprint) => book.group(fingerprint)?.stage === "due") };
}

/** The group as it is to be decided about; null: there is nothing to decide. */
function wake(group: Group, now: number): Group | null {
  if (group.mute !== null) {
    if (group.mute.until === null || now < group.mute.until) return null;
    return { ...out(group), mute: null, stage: hasOpenJob(group) ? "open" : "quiet" };
  }
  if (group.stage === "held") return group.hold?.reason === "refused" ? { ...group, hold: null } : group;
  return group.stage === "pending" || group.stage === "due" ? group : null;
}
