/**
 * The Unix socket, as a file: open for every user of the machine (what it serves asks for tokens, as the TCP port does),
 * and put in its place whole, so that nobody meets one that is not open yet and a stale one is no obstacle.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, rename, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { dirname, join } from "node:path";

/** Bytes a socket's path may have on every system; beyond it the kernel would cut it off. */
const LONGEST_PATH = 103;

/** Listens at the path. @throws with a message for people when that cannot be. */
export async function listenAtPath(server: Server, path: string): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(3).toString("hex")}`);
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(temporary)) > LONGEST_PATH) {
    throw new Error(
      `${path} is too long for a socket, which may have ${LONGEST_PATH} bytes; set HIVE_RUN to a shorter folder`,
    );
  }
  server.listen(temporary);
  await once(server, "listening");
  try {
    await chmod(temporary, 0o666);
    await rename(temporary, path);
  } catch (error) {
    server.close();
    await rm(temporary, { force: true });
    throw error;
  }
}
