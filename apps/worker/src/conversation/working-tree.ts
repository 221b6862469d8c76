/**
 * What the agent's working copy holds, as one id: two looks with the same id saw the same files. All git does here is
 * done as the job's user with an index of its own, so it may run while the agent does, and nothing it finds is believed:
 * an agent that breaks its repository only makes us look at less.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type RunResult, run } from "../process/run.ts";
import type { TaskContext } from "../tasks/task-context.ts";

/** Milliseconds a look may take; a repository too large for that is not looked at. */
const LOOK_MS = 60_000;
const MOST_OUTPUT = 1_024;

/** The files as they were at one moment. */
export interface Snapshot {
  /** The id of the git tree of all files that are not ignored. */
  readonly tree: string;
  /**
   * Puts the files back as they were: changed ones and new ones that are not ignored. Once; best effort. Where git could
   * not read every file nothing is put back: what it does not know would be lost.
   */
  restore(): Promise<void>;
  /** Forgets it. Safe after `restore`. */
  forget(): Promise<void>;
}

// $1 the index. A copy of the agent's keeps what git knows of unchanged files, so that only changed ones are read.
const LOOK = `export GIT_DIR=.git GIT_WORK_TREE=. GIT_OPTIONAL_LOCKS=0
[ -f .git/index ] && [ ! -L .git/index ] && cp .git/index "$1" 2>/dev/null
export GIT_INDEX_FILE="$1"
git add -A --ignore-errors -- . >/dev/null 2>&1
added=$?
[ "$added" -lt 128 ] || exit 1
git write-tree || exit 1
[ "$added" -eq 0 ] || echo incomplete`;

const RESTORE = `export GIT_DIR=.git GIT_WORK_TREE=. GIT_INDEX_FILE="$1"
git diff-files -z --name-only | git checkout-index -q -f -z --stdin
git clean -q -f -d`;

const FORGET = 'rm -f -- "$1" "$1.lock"';

/** The files as they are now; null where git cannot say. */
export async function takeSnapshot(context: TaskContext, signal?: AbortSignal): Promise<Snapshot | null> {
  const index = join(context.request.slot.tmp, `hive-index-${randomBytes(6).toString("hex")}`);
  const forget = async (): Promise<void> => void (await asJob(context, FORGET, index, LOOK_MS));
  const looked = await asJob(context, LOOK, index, LOOK_MS, signal);
  const [tree = "", incomplete] = looked.text.trim().split("\n");
  if (looked.result.reason !== "exited" || looked.result.exitCode !== 0 || !/^[0-9a-f]{40,64}$/.test(tree)) {
    await forget();
    return null;
  }
  return {
    tree,
    async restore() {
      if (incomplete === undefined) await asJob(context, RESTORE, index, LOOK_MS);
      await forget();
    },
    forget,
  };
}

/** The id of the files as they are now; null where git cannot say. */
export async function lookAtFiles(context: TaskContext, signal: AbortSignal): Promise<string | null> {
  const snapshot = await takeSnapshot(context, signal);
  await snapshot?.forget();
  return snapshot?.tree ?? null;
}

/** The id of a commit's files; null where the working copy has no such commit. */
export async function treeOf(context: TaskContext, commit: string): Promise<string | null> {
  const { result, text } = await asJob(context, 'git rev-parse -q --verify "$1^{tree}"', commit, LOOK_MS);
  return result.exitCode === 0 ? text.trim() : null;
}

interface Said {
  readonly result: RunResult;
  readonly text: string;
}

async function asJob(
  { request, env }: TaskContext,
  script: string,
  argument: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Said> {
  const { user, limits } = request.slot;
  const chunks: Uint8Array[] = [];
  const result = await run({
    argv: ["/bin/sh", "-c", script, "hive-look", argument],
    cwd: request.workspace.repo,
    env,
    timeoutMs,
    maxOutputBytes: MOST_OUTPUT,
    limits,
    onOutput: (chunk, stream) => {
      if (stream === "stdout") chunks.push(chunk);
    },
    ...(signal === undefined ? {} : { signal }),
    ...(user === undefined ? {} : { user }),
  });
  return { result, text: Buffer.concat(chunks).toString("utf8") };
}
