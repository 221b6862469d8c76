/**
 * This installation's id: by it a server knows its own containers among those of other Hives on the same engine. Made
 * once and kept with the data, so that a server started again after a crash finds its workers.
 */

import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

const ID = /^[0-9a-f]{32}$/;

/** The id kept in the data folder; made if there is none. @throws Error when the file holds something else */
export async function readServerId(data: string): Promise<string> {
  const path = join(data, "server-id");
  const kept = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  });
  if (kept === null) {
    const id = randomBytes(16).toString("hex");
    await mkdir(data, { recursive: true, mode: 0o700 });
    // Renamed into place: half an id, after a power cut, would orphan every container.
    await writeFile(`${path}.new`, `${id}\n`, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
    return id;
  }
  const id = kept.trim();
  if (ID.test(id)) return id;
  throw new Error(
    `${path} holds no server id (32 hexadecimal digits). Restore it, or remove it: workers that run now are then not found again.`,
  );
}
