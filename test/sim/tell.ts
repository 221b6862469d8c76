/** Prints one line of a history for a person. */

import type { Entry } from "./history.ts";

/** Writes the entry, unless it is about another job than the one asked for. */
export function tell(entry: Entry, only: string | undefined): void {
  const jobId = jobOf(entry);
  if (only !== undefined && jobId !== null && jobId !== only) return;
  process.stdout.write(`${entry.at.toFixed(1).padStart(10)}  ${words(entry)}\n`);
}

function jobOf(entry: Entry): string | null {
  switch (entry.kind) {
    case "world":
    case "duty":
    case "fired":
    case "told":
      return null;
    case "event":
      return entry.event.jobId;
    case "enqueue":
    case "ask":
    case "comment":
    case "read":
    case "forgotten":
      return entry.id;
    default:
      return entry.jobId;
  }
}

function words(entry: Entry): string {
  switch (entry.kind) {
    case "world":
      return `---- ${entry.what}`;
    case "enqueue":
      return `client   enqueue ${entry.id} ${entry.bodyHash}: ${entry.outcome}${entry.existing ? " (existing)" : ""} ${entry.status ?? ""}`;
    case "ask":
      return `client   ${entry.what} ${entry.id}: ${entry.outcome}`;
    case "comment":
      return `client   says "${entry.text}" to ${entry.id}: ${entry.outcome} ${entry.n ?? ""}`;
    case "read":
      return `client   read ${entry.id}: ${entry.job === null ? "none" : `${entry.job.status} ${entry.job.reason ?? ""} generation ${entry.job.generation} fence ${entry.job.fence}`}`;
    case "forgotten":
      return `client   read ${entry.id}: not kept any more, ended ${entry.status}`;
    case "granted":
      return `${entry.worker} got ${entry.jobId}/${entry.fence}`;
    case "act":
      return `${entry.worker} does "${entry.what}" for ${entry.jobId}/${entry.fence}`;
    case "gave-up":
      return `${entry.worker} gave ${entry.jobId}/${entry.fence} up: ${entry.why}`;
    case "duty":
      return `---- ${entry.dispatcher} ${entry.what}`;
    case "call":
      return `gateway  ${entry.callId} of ${entry.jobId}/${entry.fence}, sent ${entry.sentAt.toFixed(1)}: ${entry.what}, ${entry.tokens} tokens`;
    case "quota":
      return `gateway  the quota of ${entry.jobId}/${entry.fence} is used up until ${entry.until}: ${entry.parked ? "parked" : "not parked"}`;
    case "write":
      return `${entry.worker} ${entry.what} ${entry.jobId}/${entry.fence}, sent ${entry.sentAt.toFixed(1)}: ${entry.outcome} ${entry.status ?? ""}`;
    case "fired":
      return `${entry.by} brought ${entry.schedule}: ${entry.slots.map(({ slot, outcome }) => `${slot} ${outcome}`).join(", ")}`;
    case "told":
      return `${entry.source} told ${entry.id}: ${entry.counts.map((one) => `${one.count} ${one.fingerprint}`).join(", ")}`;
    case "sent":
      return `callback ${entry.n} of ${entry.jobId} goes out`;
    case "heard":
      return `callback ${entry.n} of ${entry.jobId} is answered: ${entry.status ?? "not at all"}`;
    case "called":
      return `callback ${entry.n} of ${entry.jobId} arrives: ${entry.status ?? "no answer"}`;
    case "event":
      return `event    ${entry.event.id} ${entry.event.type} ${entry.event.jobId ?? ""} ${JSON.stringify(entry.event.data)}`;
  }
}
