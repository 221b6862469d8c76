/** I8: limits are never exceeded: neither in what was granted nor in who acts at the same time. */

import { KEY_LIMITS } from "../rules.ts";
import { all, briefs, type Checker, leaseStories } from "./checker.ts";

export const limitsHold: Checker = (seen) => [...granted(seen), ...acting(seen)];

/** In the order of the stream, no more leases of one key live than its limit. */
const granted: Checker = (seen) => {
  const broken: string[] = [];
  const keys = briefs(seen);
  const steps: { readonly n: number; readonly key: string; readonly change: 1 | -1; readonly jobId: string }[] = [];
  for (const { jobId, leased, ended } of leaseStories(seen.events)) {
    const key = keys.get(jobId)?.key;
    if (key == null) continue;
    steps.push({ n: leased, key, change: 1, jobId });
    if (ended !== null) steps.push({ n: ended.id, key, change: -1, jobId });
  }
  const running = new Map<string, number>();
  for (const { n, key, change, jobId } of steps.sort((a, b) => a.n - b.n)) {
    const now = (running.get(key) ?? 0) + change;
    running.set(key, now);
    const limit = KEY_LIMITS[key] ?? Infinity;
    if (now > limit) broken.push(`I8: with ${jobId} (event ${n}) ${now} jobs of ${key} run, the limit is ${limit}`);
  }
  return broken;
};

/** No more workers act for one key at a time than its limit: each from its first act to its last. */
const acting: Checker = (seen) => {
  const broken: string[] = [];
  const keys = briefs(seen);
  const spans = new Map<string, { readonly key: string; readonly from: number; to: number }>();
  for (const { jobId, fence, at } of all(seen, "act")) {
    const key = keys.get(jobId)?.key;
    if (key == null) continue;
    const span = spans.get(`${jobId}/${fence}`);
    if (span === undefined) spans.set(`${jobId}/${fence}`, { key, from: at, to: at });
    else span.to = at;
  }
  for (const [lease, { key, from }] of spans) {
    const limit = KEY_LIMITS[key] ?? Infinity;
    const others = [...spans.values()].filter((other) => other.key === key && other.from <= from && other.to > from);
    const now = others.length + (others.includes(spans.get(lease) ?? others[0]!) ? 0 : 1);
    if (now > limit)
      broken.push(`I8: at ${from} ${now} workers act for ${key} (${lease} among them), the limit is ${limit}`);
  }
  return broken;
};
