/**
 * Removes branches from the remote that nobody needs any more, each only while it is at a commit this very work pushed
 * there: what somebody else put on it stays. Asking again does no harm, so an attempt that got lost can be repeated.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { GitFailed } from "./failure.ts";
import type { Git } from "./git.ts";
import { listRemote, type Remote, towards } from "./remote.ts";

/** A branch that may go. */
export interface OwnBranch {
  /** Full name, such as `refs/heads/hive/demo-1.2`. */
  readonly ref: string;
  /** Commits that were announced for it. At any other it stays. */
  readonly commits: readonly string[];
}

export interface DeleteOptions {
  readonly git: Git;
  readonly remote: Remote;
  readonly branches: readonly OwnBranch[];
  /** Fires when the fence ends. */
  readonly signal?: AbortSignal;
}

/** What became of one branch. One that was not there is not spoken of. */
export type Deleted =
  | { readonly end: "deleted"; readonly ref: string }
  /** Somebody else's commit is on it. */
  | { readonly end: "kept"; readonly ref: string; readonly commit: string }
  | { readonly end: "failed"; readonly ref: string; readonly message: string };

const HEADS = "refs/heads/";
const DELETE_MS = 120_000;

/** Deletes what may be deleted. A remote that cannot be asked at all is a failure; one branch that resists is not. */
export async function deleteBranches(options: DeleteOptions): Promise<readonly Deleted[] | GitFailed> {
  const { git, remote, branches, signal } = options;
  const own = branches.filter(({ ref }) => ref.startsWith(HEADS));
  if (own.length === 0) return [];
  const refs = await listRemote(git, remote, signal);
  if (!refs.ok) return refs;
  // Git pushes from a repository only; to remove something it may be an empty one.
  const folder = await mkdtemp(join(git.machine.privateFolder, "remove-"));
  try {
    const made = await git.run(["init", "-q", "--bare", "."], { cwd: folder });
    return made.ok ? await deleteEach(options, own, refs.heads, folder) : made;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function deleteEach(
  { git, remote, signal }: DeleteOptions,
  own: readonly OwnBranch[],
  heads: ReadonlyMap<string, string>,
  folder: string,
): Promise<readonly Deleted[] | GitFailed> {
  const ends: Deleted[] = [];
  for (const { ref, commits } of own) {
    const commit = heads.get(ref.slice(HEADS.length));
    if (commit === undefined) continue;
    if (!commits.includes(commit)) {
      ends.push({ end: "kept", ref, commit });
      continue;
    }
    // The lease on the commit makes the check hold until the moment it goes.
    const pushed = await git.run(
      [
        "push",
        "--porcelain",
        "--no-verify",
        `--force-with-lease=${ref}:${commit}`,
        "--",
        remote.address.url,
        `:${ref}`,
      ],
      { cwd: folder, ...towards(remote), timeoutMs: DELETE_MS, ...(signal === undefined ? {} : { signal }) },
    );
    if (!pushed.ok && pushed.code === "aborted") return pushed;
    ends.push(pushed.ok ? { end: "deleted", ref } : { end: "failed", ref, message: pushed.message });
  }
  return ends;
}
