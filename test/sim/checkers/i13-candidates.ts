/**
 * I13: the candidates of a job all start at one commit; the job itself is given to a worker only once all of them are
 * over and one that left something is chosen, and only to publish that one, until it is published.
 */

import { parentOf } from "../families.ts";
import { all, type Checker, leaseStories, type Seen } from "./checker.ts";

export const candidatesAreChosenFrom: Checker = (seen) => [...startsAgree(seen), ...leasesPublish(seen)];

/** What the workers of one generation's candidates were told. */
const startsAgree: Checker = (seen) => {
  const broken: string[] = [];
  const generations = new Map(
    leaseStories(seen.events).map(({ jobId, fence, generation }) => [`${jobId}/${fence}`, generation]),
  );
  const starts = new Map<string, string>();
  for (const { jobId, fence, what, at } of all(seen, "act")) {
    if (!what.startsWith("start ")) continue;
    const family = `${parentOf(jobId)} in generation ${generations.get(`${jobId}/${fence}`)}`;
    const known = starts.get(family) ?? what;
    starts.set(family, known);
    if (known !== what)
      broken.push(`I13: ${jobId}/${fence} began at ${at} with "${what}", others of ${family} with "${known}"`);
  }
  return broken;
};

interface Family {
  readonly ids: readonly string[];
  chosen: string | null;
  published: boolean;
}

const leasesPublish: Checker = (seen) => {
  const broken: string[] = [];
  const families = familiesOf(seen);
  const over = new Set<string>();
  const left = new Set<string>();
  for (const { id, type, jobId, data } of seen.events) {
    if (jobId === null) continue;
    const { status } = data;
    if (status === "succeeded" || status === "failed" || status === "canceled") over.add(jobId);
    else if (status !== undefined) over.delete(jobId);
    const { commit } = (data["result"] ?? {}) as { readonly commit?: string | null };
    if (commit != null) left.add(jobId);
    const family = families.get(jobId);
    if (family === undefined) continue;
    if (type === "job.chosen") {
      const chosen = String(data["candidateId"]);
      const live = family.ids.filter((one) => !over.has(one));
      if (live.length > 0)
        broken.push(`I13: ${jobId} had ${chosen} chosen by event ${id} while ${live.join(", ")} lived`);
      if (!left.has(chosen)) broken.push(`I13: ${jobId} had ${chosen} chosen by event ${id}, which left nothing`);
      if (family.chosen !== null && family.chosen !== chosen)
        broken.push(`I13: ${jobId} had ${chosen} chosen by event ${id} after ${family.chosen}`);
      family.chosen = chosen;
    } else if (type === "job.leased" && !family.published) {
      if (family.chosen === null || data["purpose"] !== "publish")
        broken.push(
          `I13: ${jobId} was given away to ${String(data["purpose"])} by event ${id}, chosen: ${family.chosen}`,
        );
    } else if (type === "job.succeeded") family.published = true;
  }
  return broken;
};

function familiesOf(seen: Seen): ReadonlyMap<string, Family> {
  return new Map(
    all(seen, "enqueue").flatMap(({ id, brief }) =>
      brief.candidates === undefined
        ? []
        : [
            [
              id,
              {
                ids: Array.from({ length: brief.candidates }, (_, n) => `${id}.${n + 1}`),
                chosen: null,
                published: false,
              },
            ],
          ],
    ),
  );
}
