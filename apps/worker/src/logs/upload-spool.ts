/**
 * Sends a growing file to the dispatcher, chunk by chunk at byte offsets. The server decides where the log goes on: it
 * may have more than we know (an answer was lost) or less (it was restored), so its offset is always followed. Used
 * while a job runs and again when an unsent result is replayed after a restart.
 */
import type { FileHandle } from "node:fs/promises";
import { backOff, type Clock, pause } from "../loops/clock.ts";

/** What the dispatcher says to a chunk. A rejection (network, 5xx) means "try again". */
export type UploadReply =
  | { readonly ok: true /** Bytes the server has now. */; readonly committed: number }
  | { readonly ok: false; readonly code: "wrong_offset" /** Where the log goes on. */; readonly expected: number }
  | { readonly ok: false /** The lease is over: nothing may be written any more. */; readonly code: "stale" };

/** Appends bytes to the attempt's log at an offset. */
export type Upload = (offset: number, bytes: Uint8Array) => Promise<UploadReply>;

/** How a file is sent. */
export interface UploadSpoolOptions {
  readonly file: FileHandle;
  readonly upload: Upload;
  /** Bytes of the largest chunk. */
  readonly chunkBytes: number;
  readonly clock: Clock;
  /** Aborted: stop sending; what is in the file stays there. */
  readonly signal: AbortSignal;
  /**
   * Waits until there may be more than `sent` bytes to send and answers how many bytes there are and whether that is
   * all there will be.
   */
  readonly available: (sent: number) => Promise<{ readonly bytes: number; readonly complete: boolean }>;
}

/**
 * Sends until everything is committed. `stale`: the lease is over. `stopped`: the signal was aborted.
 * `diverged`: the server claims more bytes than were ever written.
 */
export async function uploadSpool(options: UploadSpoolOptions): Promise<"complete" | "stale" | "stopped" | "diverged"> {
  const { file, upload, clock, signal } = options;
  const buffer = Buffer.alloc(options.chunkBytes);
  let sent = 0;
  let tries = 0;
  while (!signal.aborted) {
    const { bytes, complete } = await options.available(sent);
    if (sent > bytes) return "diverged";
    if (sent === bytes) {
      if (complete) return "complete";
      continue;
    }
    if (signal.aborted) break;
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - sent), sent);
    const reply = await upload(sent, buffer.subarray(0, bytesRead)).catch(() => undefined);
    if (reply !== undefined && !reply.ok && reply.code === "stale") return "stale";
    const next = reply === undefined ? undefined : reply.ok ? reply.committed : reply.expected;
    if (next !== undefined && next > sent) tries = 0;
    else tries += 1;
    if (next !== undefined) sent = next;
    // No progress, be it an error or a server that sends us back: do not turn in circles at full speed.
    if (tries > 0) await pause(clock, backOff(clock, tries - 1), signal);
  }
  return "stopped";
}
