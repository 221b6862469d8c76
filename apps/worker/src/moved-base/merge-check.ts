/** Whether work merges into a commit of its base, found out in the supervisor's clean repository alone. */

import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { type CleanWork, DEFAULT_COLLECT_LIMITS } from "../git/collect.ts";
import type { GitFailed } from "../git/failure.ts";
import type { Git, GitCall } from "../git/git.ts";
import type { Mirror } from "../git/mirror.ts";

/** The conflicts of a merge; none: it merges. */
export interface MergeCheck {
  readonly ok: true;
  readonly files: readonly string[];
}

// merge-tree says 1 for "has conflicts", which is an answer like any other.
const MERGE = `git merge-tree --write-tree --name-only --no-messages -z "$1" "$2"
code=$?
[ "$code" -le 1 ] || exit "$code"
printf 'code %s' "$code"`;

/** Merges in memory: nothing is checked out, and no driver of the repository's can run, for its settings are not here. */
export async function checkMerge(
  git: Git,
  work: CleanWork,
  head: string,
  signal: AbortSignal,
): Promise<MergeCheck | GitFailed> {
  const merged = await git.script(MERGE, [head, work.commit], inClean(work, signal));
  if (!merged.ok) return merged;
  const parts = merged.stdout.split("\0");
  const clean = parts.at(-1) === "code 0";
  return { ok: true, files: clean ? [] : parts.slice(1, -1).filter((name) => name !== "") };
}

/** Lets the clean repository see the objects of a mirror that is newer than the one it was made with. */
export function lendToWork(work: CleanWork, mirror: Mirror): Promise<void> {
  return appendFile(join(work.folder, "objects", "info", "alternates"), `${join(mirror.folder, "objects")}\n`);
}

/** Which of these files hold conflict markers in the work. */
export async function filesWithMarkers(
  git: Git,
  work: CleanWork,
  files: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[] | GitFailed> {
  if (files.length === 0) return [];
  // 1 says "nothing found".
  const script = `git --literal-pathspecs grep -l -z -I -E '${MARKERS}' "$@"; code=$?; [ "$code" -le 1 ]`;
  const found = await git.script(script, [work.commit, "--", ...files], inClean(work, signal));
  if (!found.ok) return found;
  const names = found.stdout.split("\0").filter((name) => name !== "");
  return names.map((name) => name.slice(work.commit.length + 1));
}

/** Lines that git writes around the two sides of a conflict, and nobody else at a line's start. */
export const MARKERS = "^(<<<<<<<|>>>>>>>) ";

/** True when everything of `earlier` is part of `later`. */
export async function contains(git: Git, work: CleanWork, earlier: string, signal: AbortSignal): Promise<boolean> {
  return (await git.run(["merge-base", "--is-ancestor", earlier, work.commit], inClean(work, signal))).ok;
}

/** The mail addresses of who made the commits of `to` that `from` has not. */
export async function committersOf(
  git: Git,
  work: CleanWork,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<readonly string[] | GitFailed> {
  const listed = await git.run(["log", "--format=%ce", `${from}..${to}`, "--"], inClean(work, signal));
  return listed.ok ? listed.stdout.split("\n").filter((line) => line !== "") : listed;
}

function inClean(work: CleanWork, signal: AbortSignal): GitCall {
  const { stepMs: timeoutMs, memoryBytes, packBytes: fileBytes } = DEFAULT_COLLECT_LIMITS;
  return { cwd: work.folder, timeoutMs, limits: { memoryBytes, fileBytes }, signal };
}
