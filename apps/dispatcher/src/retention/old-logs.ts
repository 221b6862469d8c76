/** Removes the logs and artifacts of jobs that are kept longer than those. How far it came is stored. */

import { logsMark, MARKS } from "@hive/core";
import type { Sweeping } from "./retention.ts";

const DAY_MS = 86_400_000;
const JOBS_AT_ONCE = 100;

/** Gives of how many jobs it removed them. */
export async function removeLogs({ queue, logs, clock, keep, pause }: Sweeping): Promise<number> {
  if (keep.logDays === 0) return 0;
  const cutoff = clock.wall() - keep.logDays * DAY_MS;
  const [doc = null] = await queue.documents.get([MARKS.logs]);
  let place = logsMark(doc);
  for (let removed = 0; ; await pause()) {
    const page = await queue.documents.list({
      collection: "jobs",
      index: "ended",
      equals: {},
      below: cutoff,
      limit: JOBS_AT_ONCE,
      ...(place === null ? {} : { after: { range: place.endedAt, id: place.id } }),
    });
    const last = page.items.at(-1);
    if (last === undefined) return removed;
    for (const { id, doc } of page.items) {
      // One that went on since has newer logs. Asked right before each: to remove many takes its time, and a job that is
      // retried meanwhile may have begun, and ended, before its turn comes.
      const [now = null] = await queue.documents.get([{ collection: "jobs", id }]);
      if (now?.["endedAt"] !== doc["endedAt"]) continue;
      await logs.remove(id);
      removed += 1;
    }
    place = { endedAt: Number(last.doc["endedAt"]), id: last.id };
    await queue.submit<"prune">({ type: "prune", keys: [], cleared: [], logsUpTo: place });
    if (page.next === null) return removed;
  }
}
