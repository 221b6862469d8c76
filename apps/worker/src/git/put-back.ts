/**
 * Unpublished work of an earlier attempt, back in a new working copy: what was made before a job was stopped, or before
 * a person wanted it otherwise, is where it goes on from. Everything is done as the job's user, in its own working copy;
 * it is only a change among others there, and is judged and published like any other.
 */

import { chmod, rm } from "node:fs/promises";
import { runAsJob } from "../process/run-as-job.ts";
import type { Slot } from "../process/agent-user.ts";

/** What to put back, and where. */
export interface PutBack {
  /** A bundle as `writeBundle` makes it, in a folder the job's user may pass through. It is removed. */
  readonly bundle: string;
  /** The working copy, fresh. */
  readonly repo: string;
  readonly slot: Slot;
  readonly signal: AbortSignal;
}

// $1 the bundle. Its one ref is named refs/hive/work/<where the work began>/<…>. A merge that fails leaves nothing.
const PUT_BACK = `set -eu
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 LC_ALL=C
ref=$(git bundle list-heads "$1" | head -n 1 | cut -d ' ' -f 2)
base=$(printf '%s' "$ref" | cut -d / -f 4)
git fetch -q --no-tags --no-write-fetch-head -- "$1" "$ref:refs/hive/before"
trap 'git update-ref -d refs/hive/before' EXIT
git diff --binary --full-index "$base" refs/hive/before > "$TMPDIR/hive-before.patch"
git apply --3way --whitespace=nowarn "$TMPDIR/hive-before.patch" || { git reset -q --hard; git clean -q -f -d; exit 9; }
git reset -q
rm -f "$TMPDIR/hive-before.patch"`;

/** Null: it is there. Else why it is not, and the working copy is as it was. Rejects when the attempt is stopped. */
export async function putBackWork({ bundle, repo, slot, signal }: PutBack): Promise<string | null> {
  try {
    // Its folder belongs to the supervisor, and cannot be listed.
    await chmod(bundle, 0o644);
    const { exitCode, said } = await runAsJob(
      { slot, signal },
      { argv: ["/bin/sh", "-c", PUT_BACK, "hive-put-back", bundle], cwd: repo },
    );
    return exitCode === 0 ? null : (said.split("\n").at(-1) ?? "") || `git ended with exit code ${exitCode}`;
  } finally {
    await rm(bundle, { force: true });
  }
}
