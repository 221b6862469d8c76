// Where the checkout is and which files belong to it, for the scripts and tests that look after the repository itself.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The folder that holds the root package.json. */
export const checkout = join(import.meta.dirname, "..");

/** Files git tracks and that exist, relative to the checkout, with `/` between folders. */
export function trackedFiles(): string[] {
  const list = execFileSync("git", ["ls-files", "-z"], { cwd: checkout, encoding: "utf8", maxBuffer: 64 << 20 });
  return list.split("\0").filter((file) => file !== "" && existsSync(join(checkout, file)));
}
