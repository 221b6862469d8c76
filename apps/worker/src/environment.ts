/** What this worker's results say of the environment they were made in, as far as it is the same for all its jobs. */

import { readFile } from "node:fs/promises";
import type { ResultEnvironment } from "@hive/core";
import type { WorkerConfig } from "./config.ts";

/** The part of a result's environment that all jobs of a worker share. */
export type WorkerEnvironment = Omit<ResultEnvironment, "config">;

/** Written beside the code when an image is built; names the code. */
const BUILD_ID = new URL("../../../build-id", import.meta.url);

/** `tools` may take a while to be found; nothing here fails. */
export async function describeEnvironment(
  config: Pick<WorkerConfig, "provider" | "image">,
  isolation: string,
  tools: Promise<Readonly<Record<string, string>>>,
): Promise<WorkerEnvironment> {
  const build = await readFile(BUILD_ID, "utf8").then(
    (text) => text.trim().slice(0, 128) || null,
    // A checkout has none.
    () => null,
  );
  return { isolation, provider: config.provider, image: config.image, build, tools: await tools };
}
