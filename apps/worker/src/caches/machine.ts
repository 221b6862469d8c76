/** What the programs of a job are built for here. A cache of compiled things is worthless, or worse, on another kind. */

import { readFile } from "node:fs/promises";

/** Platform, processor, distribution with its version, and the binary interface of Node's native modules. */
export async function describeMachine(): Promise<readonly string[]> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(release)?.[1] ?? "";
  return [process.platform, process.arch, field("ID"), field("VERSION_ID"), process.versions.modules];
}
