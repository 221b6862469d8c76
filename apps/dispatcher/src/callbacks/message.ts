/**
 * What a callback says. The bytes are built from the stored event and the job's unchanging body alone, so that every try
 * of one callback sends exactly the same, also after a restart.
 */

import { createHash } from "node:crypto";

export interface StoredEvent {
  readonly id: number;
  readonly type: string;
  readonly at: number;
  readonly jobId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The id under which a receiver may drop repetitions (`webhook-id`): the same on every try. */
export function messageId(jobId: string, n: number): string {
  const job = createHash("sha256").update(jobId).digest("hex").slice(0, 12);
  return `hive_${job}_${n}`;
}

/** The JSON body: `{ type, timestamp, data: { jobId, event, …, metadata } }`. */
export function messageBody(event: StoredEvent, metadata: unknown): string {
  const data = { jobId: event.jobId, event: event.id, ...event.data, metadata: metadata ?? null };
  return JSON.stringify({ type: event.type, timestamp: new Date(event.at).toISOString(), data });
}
