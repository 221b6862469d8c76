/** *Since you left*, as the web UI counts it, in a few lines of our own words. */

import type { Digest } from "@hive/protocol";
import { localText } from "../schedules/local-time.ts";

const MOST_REASONS = 5;
const MOST_NAMED = 5;

const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

/** A line each; times are those of the zone. */
export function digestText(digest: Digest, zone: string): readonly string[] {
  const { whole, from, since, ended, pullRequests, failures, days, decisions } = digest;
  const begun = localText(zone, Math.floor((whole ? since : from) / 60_000) * 60_000)
    .replace("T", " ")
    .slice(0, 16);
  const costs = days.flatMap(({ usd }) => (usd === null ? [] : [usd]));
  const unpriced = days.some(({ unpricedCalls }) => unpricedCalls > 0);
  const sum = costs.reduce((all, usd) => all + usd, 0);
  const names = pullRequests.newest.slice(0, MOST_NAMED).map(({ jobId }) => jobId);
  const reasons = failures.slice(0, MOST_REASONS).map(({ reason, count }) => `${count} ${reason.replaceAll("_", " ")}`);
  return [
    `Since ${begun} (${zone}): ${ended["succeeded"] ?? 0} succeeded, ${ended["failed"] ?? 0} failed, ${ended["canceled"] ?? 0} canceled.`,
    ...(whole ? [] : ["More ended before that than is looked at."]),
    `Pull requests ready: ${pullRequests.count}${listed(names, pullRequests.count)}.`,
    ...(reasons.length === 0
      ? []
      : [`Failed because of: ${reasons.join(", ")}${failures.length > reasons.length ? ", …" : ""}.`]),
    `Decisions that wait for you: ${decisions}.`,
    ...(costs.length === 0
      ? []
      : [
          `Spent on models since ${days[0]?.day ?? ""} (UTC): ${money.format(sum)}${unpriced ? ", calls without a known price at the dearest" : ""}.`,
        ]),
  ];
}

function listed(names: readonly string[], count: number): string {
  return names.length === 0 ? "" : ` (${names.join(", ")}${count > names.length ? ", …" : ""})`;
}
