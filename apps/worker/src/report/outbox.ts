/**
 * Results that the dispatcher has not confirmed, on the worker's disk. A result is written here before it is sent for
 * the first time and goes only when the dispatcher took it or said that the lease is over; a power cut, a kill or a
 * restart between the two loses nothing.
 */

import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { finishSchema } from "@hive/protocol";
import { z } from "zod";

const unsentSchema = z.object({
  jobId: z.string(),
  fence: z.int(),
  /** The lease's `worker` token: worth nothing once the lease is over. */
  token: z.string(),
  request: finishSchema,
  /** File with the attempt's log as it must be on the server, or null when there is nothing to send again. */
  logFile: z.string().nullable(),
});

/** A result to be told, with all that is needed to tell it. */
export type UnsentResult = z.infer<typeof unsentSchema>;

export interface Outbox {
  /** Resolves when the result is on the disk. Replaces an earlier one of the same lease. */
  save(result: UnsentResult): Promise<void>;
  /** Everything unsent. A file that cannot be read is set aside with the ending `.broken` and told to `warn`. */
  list(): Promise<UnsentResult[]>;
  /** The result was taken or refused: it goes, and the log that was kept for it. Safe to repeat. */
  remove(result: UnsentResult): Promise<void>;
}

/** The outbox in `folder`, which is made if missing and readable by nobody else. */
export async function openOutbox(folder: string, warn: (message: string) => void): Promise<Outbox> {
  await mkdir(folder, { recursive: true, mode: 0o700 });

  // A job's id is the caller's text: it never becomes a file name as it is.
  const pathOf = ({ jobId, fence }: UnsentResult): string =>
    join(folder, `${createHash("sha256").update(jobId).digest("hex").slice(0, 24)}-${fence}.json`);

  return {
    async save(result) {
      const path = pathOf(result);
      const file = await open(`${path}.new`, "w", 0o600);
      try {
        await file.writeFile(JSON.stringify(result));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await syncFolder(folder);
    },
    async list() {
      const found: UnsentResult[] = [];
      for (const name of (await readdir(folder)).filter((entry) => entry.endsWith(".json")).sort()) {
        const path = join(folder, name);
        const result = unsentSchema.safeParse(parse(await readFile(path, "utf8")));
        if (result.success) found.push(result.data);
        else {
          warn(`${path} is not an unsent result; it is kept as ${name}.broken`);
          await rename(path, `${path}.broken`);
        }
      }
      return found;
    },
    async remove(result) {
      if (result.logFile !== null) await rm(result.logFile, { force: true });
      await rm(pathOf(result), { force: true });
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half a file: a disk that lies, or an editor.
    return null;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
