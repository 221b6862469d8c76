/** What a person decides about a group: nothing of it any more for a while, again, done, or let it past its limits. */

import type { CommandOf, Replies } from "../command.ts";
import type { Key } from "../document.ts";
import { HiveError } from "../errors.ts";
import type { Group } from "../group.ts";
import { GroupBook, bookKeys } from "../group-book.ts";
import { decideAbout, resolve } from "../group-job.ts";
import { hasOpenJob, out } from "../group-rules.ts";
import type { State } from "../state.ts";
import type { Step } from "../step.ts";

export function needs(_state: State, { source, fingerprint }: CommandOf<"controlGroup">): Key[] {
  return bookKeys(source, [fingerprint]);
}

/**
 * @throws HiveError not_found; stale_group for the release of a group that is not held
 */
export function controlGroup(step: Step, command: CommandOf<"controlGroup">): Replies["controlGroup"] {
  const { source, fingerprint } = command;
  const book = new GroupBook(step, source);
  const group = book.group(fingerprint);
  if (group === null) {
    throw new HiveError("not_found", `there is no group ${fingerprint} of ${source}`, { source, fingerprint });
  }
  carryOut(book, group, command);
  book.close();
  return { group: book.group(fingerprint) ?? group };
}

function carryOut(book: GroupBook, group: Group, command: CommandOf<"controlGroup">): void {
  const { action, by, until, reason, policy } = command;
  switch (action) {
    case "mute": {
      const mute = { by, at: book.now, until, reason };
      book.set({ ...out(group), stage: "muted", mute, wakeAt: until, released: false });
      return;
    }
    case "unmute": {
      if (group.mute === null) return;
      const heard: Group = { ...out(group), mute: null, stage: hasOpenJob(group) ? "open" : "quiet" };
      if (hasOpenJob(heard)) book.set(heard);
      else decideAbout(book, heard, policy);
      return;
    }
    case "resolve":
      resolve(book, { ...group, recent: [] }, policy, by);
      return;
    case "release": {
      if (group.stage !== "held") {
        const message = `${group.fingerprint} of ${group.source} is ${group.stage}; only what is held can be released`;
        throw new HiveError("stale_group", message, { source: group.source, fingerprint: group.fingerprint });
      }
      decideAbout(book, { ...group, released: true }, policy);
      return;
    }
  }
}
