/** Chooses where this worker has its repositories from. */
import type { WorkerConfig } from "../config.ts";
import type { LeaseCalls } from "../report/lease-calls.ts";
import type { Git } from "./git.ts";
import { createHandedOutMirrors } from "./handed-out-mirrors.ts";
import { createMirrors, type Mirrors } from "./mirror.ts";

/**
 * With HIVE_MIRROR_HANDOUTS what the server hands out to each lease, else mirrors of this machine's own; those are made
 * too where a hand-out does not reach this worker.
 */
export async function openMirrors(
  git: Git,
  { handOutFolder, mirrorFolder }: Pick<WorkerConfig, "handOutFolder" | "mirrorFolder">,
  warn: (message: string) => void,
): Promise<(calls: Pick<LeaseCalls, "mirror">) => Mirrors> {
  let made: Promise<Mirrors> | null = null;
  const own = (): Promise<Mirrors> => (made ??= createMirrors(git, mirrorFolder));
  if (handOutFolder !== null) {
    return ({ mirror }) => createHandedOutMirrors({ ask: mirror, folder: handOutFolder, own, warn });
  }
  const mirrors = await own();
  return () => mirrors;
}
