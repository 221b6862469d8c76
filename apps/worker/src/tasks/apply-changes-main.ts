/**
 * Writes the files of a `changes` job. A program of its own, run as the agent's user in the repository: so the kernel
 * itself keeps it from files of the supervisor, and what it writes belongs to the right user. Reads the changes as JSON
 * from standard input; exit code 2 and a line on stderr mean that a change was refused and nothing was written after it.
 */
import { constants, readFileSync } from "node:fs";
import { chmod, lstat, mkdir, open, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkChangePath } from "./change-path.ts";

interface Change {
  readonly path: string;
  readonly content?: string;
  readonly base64?: string;
  readonly delete?: true;
  readonly mode?: "644" | "755";
}

class Refused extends Error {}

async function apply(change: Change): Promise<void> {
  const problem = checkChangePath(change.path);
  if (problem !== null) throw new Refused(`${JSON.stringify(change.path)} ${problem}`);
  await checkParents(change.path);
  const there = await lstat(change.path).catch(() => undefined);
  if (there?.isDirectory()) throw new Refused(`${change.path} is a folder`);
  if (change.delete) {
    if (!there) throw new Refused(`${change.path} cannot be deleted: it does not exist`);
    await unlink(change.path);
    return;
  }
  const bytes = change.base64 === undefined ? Buffer.from(change.content ?? "") : Buffer.from(change.base64, "base64");
  await mkdir(dirname(change.path), { recursive: true });
  // A link that stands there is replaced, never written through.
  if (there?.isSymbolicLink()) await unlink(change.path);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = await open(change.path, flags, 0o644);
  try {
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
  if (change.mode !== undefined) await chmod(change.path, change.mode === "755" ? 0o755 : 0o644);
}

/** Every folder on the way must be a real one: a link could lead out of the repository. */
async function checkParents(path: string): Promise<void> {
  const names = path.split("/").slice(0, -1);
  let at = "";
  for (const name of names) {
    at = join(at, name);
    const there = await lstat(at).catch(() => undefined);
    if (there && !there.isDirectory()) {
      throw new Refused(`${path} is not possible: ${at} is ${there.isSymbolicLink() ? "a link" : "a file"}`);
    }
  }
}

try {
  const changes = JSON.parse(readFileSync(0, "utf8")) as readonly Change[];
  for (const change of changes) {
    await apply(change);
    process.stdout.write(`${change.delete ? "deleted" : "wrote"} ${change.path}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof Refused ? 2 : 1;
}
