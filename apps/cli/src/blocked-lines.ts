/** What a job wanted to reach and might not, as lines beside its log: `blocked: evil.example:443 (not_allowed)`. */

import type { JobDetail } from "@hive/sdk";
import { plain } from "./output.ts";

/** What is asked of the server; a `HiveClient` answers it. */
export interface BlockedSource {
  get(jobId: string): Promise<Pick<JobDetail, "fence" | "blocked">>;
  events(options: {
    readonly jobId: string;
    readonly after: number;
    readonly signal: AbortSignal;
  }): AsyncIterable<{ readonly type: string; readonly data: Readonly<Record<string, unknown>> }>;
}

export interface BlockedOptions {
  /** The attempt; default: the job's last. */
  readonly fence?: number;
  /** Until this aborts, new ones are told as they come. Default: only those there are. */
  readonly until?: AbortSignal;
  readonly tell: (line: string) => void;
}

/** Tells each place once. */
export async function tellBlocked(hive: BlockedSource, jobId: string, options: BlockedOptions): Promise<void> {
  const { until, tell } = options;
  const told = new Set<string>();
  const once = ({ host, port, reason }: JobDetail["blocked"][number], message = ""): void => {
    const place = plain(`blocked: ${host}:${port} (${reason})`);
    if (told.has(place)) return;
    told.add(place);
    tell(message === "" ? place : `${place}: ${plain(message)}`);
  };
  if (until !== undefined) {
    // Of a job that waits, the attempt that is followed is yet to come.
    const from = options.fence ?? (await hive.get(jobId)).fence;
    for await (const { type, data } of hive.events({ jobId, after: 0, signal: until })) {
      const event = type === "job.egress_blocked" ? readBlocked(data) : null;
      if (event === null || event.fence < from) continue;
      if (options.fence === undefined || event.fence === options.fence) once(event, event.message);
    }
  }
  // The log may end before the stream told of the last one.
  const job = await hive.get(jobId);
  for (const place of job.blocked) if (place.fence === (options.fence ?? job.fence)) once(place);
}

function readBlocked(
  data: Readonly<Record<string, unknown>>,
): (JobDetail["blocked"][number] & { readonly message: string }) | null {
  const { fence, host, port, reason, message } = data;
  if (typeof fence !== "number" || typeof host !== "string" || typeof port !== "number") return null;
  if (typeof reason !== "string" || typeof message !== "string") return null;
  return { fence, host, port, reason, message };
}
