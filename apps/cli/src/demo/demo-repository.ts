/** The small git repository the demo works on: a bare one with one commit, as a git host would have it. */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { environment } from "../config.ts";

const run = promisify(execFile);

const FILES: Readonly<Record<string, string>> = {
  "README.md": "# Greeter\n\nSays hello.\n",
  "AGENTS.md": "Keep sentences short.\n",
  "greet.mjs": 'export function greet(name) {\n  return "Hello, " + name + "!";\n}\n',
  "package.json": `${JSON.stringify({ name: "greeter", version: "1.0.0", type: "module", scripts: { test: "node --test" } }, null, 2)}\n`,
};

/** git as the demo's own author, whatever this machine's settings say. */
async function git(cwd: string, ...args: string[]): Promise<string> {
  const env = {
    PATH: environment()["PATH"],
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Hive demo",
    GIT_AUTHOR_EMAIL: "demo@localhost",
    GIT_COMMITTER_NAME: "Hive demo",
    GIT_COMMITTER_EMAIL: "demo@localhost",
  };
  return (await run("git", args, { cwd, env })).stdout.trim();
}

/** Makes the bare repository at `path`, new. */
export async function makeRepository(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await git(path, "init", "-q", "--bare", "-b", "main");
  const work = await mkdtemp(join(tmpdir(), "hive-demo-"));
  try {
    await git(work, "init", "-q", "-b", "main");
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(work, name), text);
    await git(work, "add", "--all");
    await git(work, "commit", "-q", "-m", "A greeter");
    await git(work, "push", "-q", path, "main");
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The commit a branch of the repository is at, or null when it is not there. */
export async function branchHead(path: string, branch: string): Promise<string | null> {
  try {
    return await git(path, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`);
  } catch {
    return null;
  }
}
