/**
 * The folder that workers in containers of this machine have mounted (`HIVE_RUN`): the way to the server is a socket in
 * it, and where `HIVE_SHARE_CALLBACK_SECRET` says so, also the secret that long-lived workers register with. So compose
 * can start workers that nobody told a secret, and none stands in an environment or a file of the checkout.
 */

import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Holds `CALLBACK_SECRET` for workers that have the folder mounted. */
export const CALLBACK_SECRET_FILE = "callback-secret";

/** The folder's absolute path: the setting, else `run` in the data folder. */
export function runFolderOf(config: { readonly run: string | undefined; readonly data: string }): string {
  return resolve(config.run ?? join(config.data, "run"));
}

/**
 * Makes the folder, open for everybody to pass through and look (mode 755), whatever the umask, and removes the secret
 * that an earlier start shared: workers wait for it, and it is shared anew when the socket is there.
 */
export async function openRunFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chmod(folder, 0o755);
  await rm(join(folder, CALLBACK_SECRET_FILE), { force: true });
}

/** Writes the secret for the server's user and group to read (mode 640); whoever reads it never sees half of it. */
export async function shareCallbackSecret(folder: string, callbackSecret: string): Promise<void> {
  const file = join(folder, CALLBACK_SECRET_FILE);
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(`${callbackSecret}\n`);
      await handle.chmod(0o640);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
