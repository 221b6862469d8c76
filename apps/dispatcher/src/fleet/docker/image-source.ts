/**
 * The files that the worker image is built from: an explicit list, so that no data, secret, test or history of this
 * checkout ever reaches a builder, and so that two builds of the same files can be told to be the same.
 */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Relative to the checkout. */
export const WORKER_DOCKERFILE = "docker/worker.Dockerfile";

// npm wants every package of the workspace described, and installs what the worker needs.
const PLAIN = [WORKER_DOCKERFILE, "package.json", "package-lock.json", ".npmrc"];
const WORKSPACES = ["apps", "packages"];
const CODE = ["apps/worker", "packages/core", "packages/protocol"];
const LEFT_OUT = /(^|\/)(node_modules|fixtures|dist)(\/|$)|\.(test|suite|fixture)\.ts$/;

export interface ImageSource {
  /** Relative to the checkout, sorted. */
  readonly files: readonly string[];
  /** Arguments of the Dockerfile. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Names all of this: files, their content, arguments. */
  readonly hash: string;
}

/** Null when this is no checkout that the image can be built from. */
export async function readImageSource(
  checkout: string,
  buildArgs: Readonly<Record<string, string>>,
): Promise<ImageSource | null> {
  const files = new Set(PLAIN);
  try {
    for (const workspace of WORKSPACES) {
      for (const entry of await readdir(join(checkout, workspace))) files.add(`${workspace}/${entry}/package.json`);
    }
    for (const folder of CODE) {
      const entries = await readdir(join(checkout, folder), { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        const path = join(entry.parentPath, entry.name).slice(join(checkout, "/").length);
        if (entry.isFile() && !LEFT_OUT.test(path)) files.add(path);
      }
    }
    const sorted = [...files].sort();
    const hash = createHash("sha256");
    for (const name of Object.keys(buildArgs).sort()) hash.update(`${name}=${buildArgs[name]}\0`);
    for (const file of sorted) {
      const content = await readFile(join(checkout, file));
      hash.update(`${file}\0${content.length}\0`).update(content);
    }
    return { files: sorted, buildArgs, hash: hash.digest("hex") };
  } catch (error) {
    // An installation of its own has no Dockerfile, lock file or workspaces.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
