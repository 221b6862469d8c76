/** Backups of a running server, as a stream of compressed bytes; one at a time. */

import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { HiveError } from "@hive/core";
import { type BackupLine, writeBackup } from "@hive/protocol/backup-file";
import type { Clock } from "../clock.ts";
import { copyAll, type CopyOptions } from "./copy.ts";

/** Fast rather than small: the server has jobs to hand out meanwhile. */
const GZIP_LEVEL = 3;
/** Milliseconds in which whoever takes a backup takes nothing of it before it is broken off: another may want one. */
const STALLED_MS = 300_000;

export interface BackupsOptions extends CopyOptions {
  readonly clock: Pick<Clock, "wall" | "after">;
  readonly version: string;
  /** Fingerprint of this server's secrets: without them the tokens in a backup are worth nothing. */
  readonly secretsId: string;
  /** Called when a backup broke off: for the log. Whoever reads it meets the end of a stream that is not whole. */
  readonly onTrouble: (message: string, error: unknown) => void;
}

export interface Backups {
  /**
   * Begins one. The stream breaks when the store is lost.
   * @throws HiveError `not_ready`, `too_many_requests` while another is being made
   */
  open(): Promise<Readable>;
}

export function createBackups(options: BackupsOptions): Backups {
  const { queue, clock, version, secretsId, onTrouble } = options;
  let running = false;
  return {
    async open() {
      if (running)
        throw new HiveError("too_many_requests", "a backup is being made already; ask again when it is done");
      running = true;
      try {
        await queue.read(() => null);
      } catch (error) {
        running = false;
        throw error;
      }
      const { epoch, format } = queue.election();
      const at = new Date(clock.wall()).toISOString();
      const header = { version, at, store: queue.storeName, epoch, storeFormat: format, secretsId };
      const packed = createGzip({ level: GZIP_LEVEL });
      const stalled = (): void => void packed.destroy(new Error("nobody took anything of it for five minutes"));
      const lines = untilStalled(copyAll(options), clock, stalled);
      pipeline(Readable.from(writeBackup(header, lines, createHash("sha256"))), packed, (error) => {
        running = false;
        // Whoever asked may hang up; that is no trouble of the server's.
        if (error && !("code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE"))
          onTrouble("a backup broke off", error);
      });
      return packed;
    },
  };
}

/** Calls `stalled` when a line waits too long for the next one to be asked for. */
async function* untilStalled(
  lines: AsyncIterable<BackupLine>,
  clock: Pick<Clock, "after">,
  stalled: () => void,
): AsyncGenerator<BackupLine> {
  for await (const line of lines) {
    const cancel = clock.after(STALLED_MS, stalled);
    try {
      yield line;
    } finally {
      cancel();
    }
  }
}
