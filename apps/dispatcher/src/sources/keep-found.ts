/**
 * What was found is kept: rounds that jobs of Hive's own are asked for, then the signals, counted in the commit that moves
 * the position on. A crash between the two asks for the same rounds again, and the same cause makes no second one.
 */

import { type CommandOf, type Group, groupKey, type Position, type Replies, type Signal } from "@hive/core";
import type { Found } from "../intake/messages.ts";
import type { Queue } from "../queue/contract.ts";
import type { Cursor } from "../store/contract.ts";
import { askAgain } from "./follow-up.ts";
import type { Source } from "./source-settings.ts";

/** Groups read from the store at once. */
const PAGE = 500;

export interface Keeping {
  readonly position: Position;
  readonly failed: string | null;
  readonly memories: Readonly<Record<string, object | null>>;
}

export type FoundKeeper = (source: Source, found: Found, keeping: Keeping) => Promise<Replies["observe"]>;

export interface KeepFoundOptions {
  readonly queue: Pick<Queue, "submit" | "documents">;
  /** For the log: what came of a round that was asked for. */
  readonly onFollowUp: (source: string, message: string) => void;
}

export function createFoundKeeper({ queue, onFollowUp }: KeepFoundOptions): FoundKeeper {
  return async (source, found, { position, failed, memories }) => {
    const { followUps } = found;
    for (const followUp of followUps) {
      const asking = { queue, source: source.id, trust: source.trust, rounds: source.type.rounds };
      const followed = await askAgain(asking, followUp);
      onFollowUp(source.id, followed.asked ? `job ${followed.jobId} goes on: ${followUp.cause}` : followed.why);
    }
    const { signals, filtered } = await withEnds(queue.documents, source, found);
    const command: CommandOf<"observe"> = {
      type: "observe",
      source: source.id,
      position,
      policy: source.policy,
      signals,
      filtered,
      failed,
      memories: Object.entries(memories).map(([id, value]) => ({ id, value })),
    };
    const evict = await evictable(queue.documents, source, signals.length);
    return queue.submit<"observe">(evict.length === 0 ? command : { ...command, evict });
  };
}

/** Of the ends that the condition leaves out those count that end, by their episode, what was counted. */
async function withEnds(
  documents: Queue["documents"],
  source: Source,
  { signals, endings = [], filtered }: Found,
): Promise<Pick<Found, "signals" | "filtered">> {
  if (endings.length === 0) return { signals, filtered };
  const stored = await documents.get(endings.map(({ fingerprint }) => groupKey(source.id, fingerprint)));
  const timeOf = ({ fingerprint, episode }: Signal): string => `${fingerprint} ${episode}`;
  const begun = new Set(signals.filter(({ state }) => state === "firing").map(timeOf));
  const ends = endings.filter((one, place) => {
    const doc = stored[place];
    const firing = doc == null ? null : asGroup(doc).firing;
    const lasts = firing?.state === "firing" && firing.episode === one.episode;
    return one.episode !== null && (lasts || begun.has(timeOf(one)));
  });
  const sum = (all: readonly Signal[]): number => all.reduce((before, { count }) => before + count, 0);
  return { signals: [...signals, ...ends], filtered: filtered + sum(endings) - sum(ends) };
}

/** Groups that may go, not seen for longest first, where so many new ones may not find room. */
async function evictable(documents: Queue["documents"], source: Source, coming: number): Promise<string[]> {
  const [tally] = await documents.get([{ collection: "tallies", id: source.id }]);
  const groups = Number(tally?.["groups"] ?? 0);
  if (coming === 0 || groups + coming <= source.policy.maxGroups) return [];
  // As many as come, for those among them that are heard of just now do not go; and some that are too many.
  const most = coming + Math.min(PAGE, Math.max(0, groups - source.policy.maxGroups));
  const found = await Promise.all(
    ["quiet", "resolved"].map((stage) => longestUnseen(documents, { source: source.id, stage }, most)),
  );
  return found
    .flat()
    .sort((a, b) => a.lastAt - b.lastAt)
    .slice(0, most)
    .map(({ fingerprint }) => fingerprint);
}

async function longestUnseen(
  documents: Queue["documents"],
  equals: Readonly<Record<string, string>>,
  most: number,
): Promise<Pick<Group, "fingerprint" | "lastAt">[]> {
  const found: Pick<Group, "fingerprint" | "lastAt">[] = [];
  // A page has fewer than were asked for where groups are large.
  for (let after: Cursor | null | undefined; after !== null && found.length < most; ) {
    const query = { collection: "groups", index: "stage", equals, limit: Math.min(PAGE, most - found.length) } as const;
    const page = await documents.list(after === undefined ? query : { ...query, after });
    for (const { doc } of page.items) {
      const { fingerprint, lastAt } = asGroup(doc);
      found.push({ fingerprint, lastAt });
    }
    after = page.next;
  }
  return found;
}

/** A committed document as what it is: core wrote it. */
export function asGroup(doc: unknown): Group {
  return doc as Group;
}
