/**
 * The files a job was given, where its programs can read them: beside the repository, so that no commit has them. They
 * belong to the supervisor; the job's user may read and not change them. Where the job has no user of its own nothing
 * could keep it from changing them, and nothing is lost by it: they are written anew for each attempt.
 */
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LeasedJob } from "@hive/protocol";
import type { AgentUser } from "./process/containment.ts";

/** Writes them below `folder`, the attempt's own. Gives their folder; null when there are none. */
export async function writeInputs(
  folder: string,
  inputs: LeasedJob["inputs"],
  user: AgentUser | undefined,
): Promise<string | null> {
  if (inputs.length === 0) return null;
  const place = join(folder, "input");
  await mkdir(place, { mode: user === undefined ? 0o700 : 0o750 });
  if (user !== undefined) await chown(place, process.getuid?.() ?? 0, user.gid);
  for (const { name, text } of inputs) {
    const file = join(place, name);
    await writeFile(file, text, { mode: user === undefined ? 0o400 : 0o440, flag: "wx" });
    if (user !== undefined) await chown(file, process.getuid?.() ?? 0, user.gid);
  }
  return place;
}
