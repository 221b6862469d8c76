/**
 * What would come of a delivery, by the very rules that decide about a real one: they are applied to a copy of the groups
 * as they stand, and nothing of it is kept.
 */

import {
  apply,
  createState,
  DEFAULT_RULES,
  docKey,
  lacking,
  type CommandOf,
  type Document,
  type Group,
} from "@hive/core";
import type { DryRun } from "@hive/protocol";
import type { Clock } from "../clock.ts";
import type { Explained } from "../intake/messages.ts";
import type { Queue } from "../queue/contract.ts";
import { asGroup } from "./keep-found.ts";
import type { Source } from "./source-settings.ts";

export async function decide(
  { documents }: Pick<Queue, "documents">,
  clock: Clock,
  source: Source,
  occurrences: readonly Explained[],
): Promise<DryRun[]> {
  const signals = occurrences.flatMap(({ signal }) => (signal === null ? [] : [signal]));
  const [cursor] = await documents.get([{ collection: "cursors", id: source.id }]);
  const command: CommandOf<"observe"> = {
    type: "observe",
    source: source.id,
    position: { kind: "cursor", version: Number(cursor?.["version"] ?? 0), value: null },
    policy: source.policy,
    signals,
    filtered: 0,
    failed: null,
    memories: [],
  };
  const state = createState(DEFAULT_RULES);
  const docs = new Map<string, Document | null>();
  for (let keys = lacking(state, command, docs); keys.length > 0; keys = lacking(state, command, docs)) {
    const read = await documents.get(keys);
    keys.forEach((key, place) => docs.set(docKey(key), read[place] ?? null));
  }
  const before = new Map(docs);
  const { changes } = apply(state, command, docs, { mono: clock.mono(), wall: clock.wall(), random: clock.random });
  const after = new Map(changes.map((change) => [docKey(change), change.doc]));
  return occurrences.map((one) => {
    const key = `groups/${source.id}/${one.signal?.fingerprint ?? ""}`;
    const was = before.get(key) ?? null;
    const is = after.get(key) ?? null;
    return describe(one, was === null ? null : asGroup(was), is === null ? null : asGroup(is));
  });
}

function describe({ signal, ...one }: Explained, was: Group | null, is: Group | null): DryRun {
  const { title, state, severity, fields, filtered, identity } = one;
  const shown = { title, state, severity, fields, filtered, identity, fingerprint: signal?.fingerprint ?? null };
  if (filtered !== null) return { ...shown, decision: `left out: ${filtered}`, stage: null };
  if (one.followUp !== null)
    return { ...shown, decision: `another round for the job of ${one.followUp.branch}`, stage: null };
  // The copy knows no jobs, so what a job that is not over means is said here.
  if (was?.job != null && was.job.endedAt === null)
    return { ...shown, decision: `counted: job ${was.job.id} is about it`, stage: was.stage };
  if (is === null) return { ...shown, decision: "there is no room for one more group", stage: null };
  return { ...shown, decision: inWords(is), stage: is.stage };
}

function inWords({ stage, hold, mute, regressed, wakeAt }: Group): string {
  switch (stage) {
    case "due":
      return regressed ? "becomes a job: it came back" : "becomes a job";
    case "held":
      return `held: ${hold?.message ?? "a limit is in the way"}`;
    case "pending":
      return `becomes a job if it still fires at ${wakeAt === null ? "its time" : new Date(wakeAt).toISOString()}`;
    case "muted":
      return `counted and no more: muted by ${mute?.by ?? "somebody"}`;
    case "resolved":
      return "nothing to do: it is over";
    case "quiet":
      return "counted: not enough yet for a job";
    case "open":
      return "counted: a job is about it";
  }
}
