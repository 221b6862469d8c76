/**
 * Reads a job's log as it grows and keeps reading: one answer for each attempt, and after a lost connection the rest of
 * it from the byte where it was. A server ends an answer only where the attempt ends; everything else is a loss.
 */

import { ApiError, type ApiClient, endpoints, UnreachableError } from "@hive/protocol";

export interface FollowLogOptions {
  readonly jobId: string;
  /** Only this attempt; null: `first` and those after it, until the job is over. */
  readonly fence: number | null;
  /** The attempt to begin with; it may be yet to come. */
  readonly first: number;
  readonly signal?: AbortSignal;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Wait before a lost answer is asked for again, in milliseconds, doubled up to the second. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/** @throws ApiError when the server refuses; what the signal was aborted with */
export async function* followLog(api: ApiClient, options: FollowLogOptions): AsyncGenerator<Uint8Array, void, void> {
  const { jobId, signal, sleep } = options;
  const extra = signal === undefined ? {} : { signal };
  let fence = options.first;
  let from = 0;
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    try {
      const query = { follow: "true" as const, fence, ...(from > 0 ? { from } : {}) };
      const response = await api.open(endpoints.jobLogs, { params: { jobId }, query }, extra);
      const cut = missingFrom(response.headers.get("x-hive-log-cut"), from);
      for await (const bytes of response.body ?? []) {
        waitMs = FIRST_WAIT_MS;
        const kept = bytes.subarray(0, (cut?.from ?? Infinity) - from);
        from += kept.length;
        if (kept.length > 0) yield kept;
        if (from === cut?.from) break;
      }
      if (cut !== null && from === cut.from) {
        // What stands there for missing bytes has another length than they: the rest is asked for by its own place.
        yield new TextEncoder().encode(cutLine(cut.to - from));
        from = cut.to;
        continue;
      }
      if (options.fence !== null) return;
      const job = await api.call(endpoints.getJob, { params: { jobId } }, extra);
      if (job.fence > fence) {
        fence += 1;
        from = 0;
        continue;
      }
      if (OVER.has(job.status)) return;
      // Between two attempts: the next one is waited for.
      if (job.status !== "running") {
        fence += 1;
        from = 0;
        continue;
      }
    } catch (error) {
      signal?.throwIfAborted();
      const isLost =
        error instanceof UnreachableError || error instanceof TypeError || (error instanceof ApiError && error.retry);
      if (!isLost) throw error;
    }
    await sleep(waitMs * (0.5 + Math.random() / 2));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}

const OVER = new Set(["succeeded", "failed", "canceled"]);

/** The next bytes that the server no longer has, as `x-hive-log-cut` says; they may begin where the reader is. */
function missingFrom(header: string | null, from: number): { readonly from: number; readonly to: number } | null {
  const [, first = "", end = ""] = /^(\d+)-(\d+)$/.exec(header ?? "") ?? [];
  const to = Number(end);
  return first === "" || to <= from ? null : { from: Math.max(Number(first), from), to };
}

/** The server's own line in place of so many bytes. */
function cutLine(bytes: number): string {
  return `\n[hive] ${bytes.toLocaleString("en-US")} bytes of this log were not kept here (HIVE_REDIS_LOG_BYTES)\n`;
}
