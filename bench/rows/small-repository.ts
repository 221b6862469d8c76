/** A repository of one file, for rows that measure everything but git. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes it in `folder`, which is answered. */
export function makeRepository(folder: string): string {
  const git = (...args: string[]): void => {
    const identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
    execFileSync("git", [...identity, ...args], { cwd: folder, stdio: "ignore" });
  };
  git("init", "-q", "-b", "main");
  writeFileSync(join(folder, "README.md"), "# measured\n");
  git("add", "-A");
  git("commit", "-q", "-m", "first");
  return folder;
}
