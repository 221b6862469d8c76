/** Pages of a job's events, and what the stream brings meanwhile, as one list without a hole. */
import type { ReplyTo } from "../../api/call.ts";

export type JobEvent = ReplyTo<"jobEvents">["events"][number];

/** Events asked for at once. */
export const PAGE = 500;

/** What is known of them. */
export interface Kept {
  /** Oldest first. */
  readonly events: readonly JobEvent[];
  /** Where the next earlier page begins; null: there is none. */
  readonly earlier: string | null;
}

/** The newest page with what was known: where it does not reach back to that, what was known has a hole and goes. */
export function joined(before: Kept | null, page: Pick<ReplyTo<"jobEvents">, "events" | "next">): Kept {
  const oldest = page.events.at(-1)?.id ?? 0;
  const newestKnown = before?.events.at(-1)?.id ?? -1;
  const reaches = before !== null && before.events.length >= PAGE && newestKnown >= oldest;
  if (reaches) return { events: merged(before.events, page.events), earlier: before.earlier };
  const later = (before?.events ?? []).filter(({ id }) => id > oldest);
  return { events: merged(later, page.events), earlier: page.next };
}

/** Both, each event once, oldest first. */
export function merged(known: readonly JobEvent[], fresh: readonly JobEvent[]): readonly JobEvent[] {
  const last = known.at(-1)?.id ?? -1;
  const inOrder = fresh.every(({ id }, at) => id > (fresh[at - 1]?.id ?? last));
  if (inOrder) return [...known, ...fresh];
  const byId = new Map([...known, ...fresh].map((event) => [event.id, event]));
  return [...byId.values()].sort((a, b) => a.id - b.id);
}
