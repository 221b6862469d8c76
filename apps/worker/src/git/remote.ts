/**
 * Questions to a remote repository that change nothing: which branches there are, where one of them is now, and whether
 * a credential may push. Asking is also how a job proves that its own credential may read the repository.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkBranchName, type RepoAddress } from "@hive/core";
import type { GitCredential } from "./credential.ts";
import type { GitFailed } from "./failure.ts";
import type { Git, GitCall } from "./git.ts";

/** Which repository, and as whom. */
export interface Remote {
  readonly address: RepoAddress;
  /** Null: without a login. */
  readonly credential: GitCredential | null;
  /** The proxy that leads there, its token included. Absent or null: straight on. */
  readonly proxy?: string | null;
}

/** The parts of a git command that connects to a remote. */
export function towards(remote: Remote): Pick<GitCall, "protocols" | "address" | "credential" | "proxy"> {
  const { address, credential, proxy = null } = remote;
  return { protocols: [address.kind], address, credential, proxy };
}

/** What a remote has, as it said just now. */
export interface RemoteRefs {
  readonly ok: true;
  /** The branch its HEAD names, if that branch exists. */
  readonly defaultBranch: string | null;
  /** Commit by branch name. */
  readonly heads: ReadonlyMap<string, string>;
}

const ASK_TIMEOUT_MS = 60_000;
const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** Lists the branches. Names that git itself would not take are left out: a hostile server may send any. */
export async function listRemote(git: Git, remote: Remote, signal?: AbortSignal): Promise<RemoteRefs | GitFailed> {
  const asked = await ask(
    git,
    remote,
    ["ls-remote", "--symref", "--", remote.address.url, "HEAD", "refs/heads/*"],
    signal,
  );
  if (!asked.ok) return asked;
  const heads = new Map<string, string>();
  let named: string | null = null;
  for (const line of asked.stdout.split("\n")) {
    const [left = "", ref = ""] = line.split("\t");
    if (ref === "HEAD" && left.startsWith("ref: refs/heads/")) named = left.slice("ref: refs/heads/".length);
    if (!ref.startsWith("refs/heads/") || !COMMIT.test(left)) continue;
    const name = ref.slice("refs/heads/".length);
    if (checkBranchName(name).ok) heads.set(name, left);
  }
  return { ok: true, defaultBranch: named !== null && heads.has(named) ? named : null, heads };
}

/** The commit a full ref is at, or null when it does not exist. */
export async function readRemoteRef(
  git: Git,
  remote: Remote,
  ref: string,
  signal?: AbortSignal,
): Promise<{ readonly ok: true; readonly commit: string | null } | GitFailed> {
  const asked = await ask(git, remote, ["ls-remote", "--", remote.address.url, ref], signal);
  if (!asked.ok) return asked;
  // The pattern also fits refs that only end alike (refs/heads/a/refs/heads/b).
  const line = asked.stdout.split("\n").find((candidate) => candidate.endsWith(`\t${ref}`));
  const commit = line?.split("\t")[0] ?? null;
  return { ok: true, commit: commit !== null && COMMIT.test(commit) ? commit : null };
}

/** Whether the credential may push: a dry run that asks the remote for its receiving side and sends nothing. */
export async function probePush(
  git: Git,
  remote: Remote,
  signal?: AbortSignal,
): Promise<{ readonly ok: true } | GitFailed> {
  const folder = await mkdtemp(join(git.machine.privateFolder, "probe-"));
  try {
    const made = await git.run(["init", "-q", "--bare", "."], { cwd: folder });
    if (!made.ok) return made;
    // Deleting a branch that is not there needs no commit. The remote's list is asked for first, and that is the test.
    const pushed = await git.run(
      ["push", "--dry-run", "--no-verify", "--", remote.address.url, ":refs/heads/hive/no-such-branch"],
      {
        cwd: folder,
        ...towards(remote),
        timeoutMs: ASK_TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      },
    );
    if (pushed.ok || /remote ref does not exist/.test(pushed.stderr)) return { ok: true };
    return pushed;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function ask(git: Git, remote: Remote, args: readonly string[], signal: AbortSignal | undefined) {
  return git.run(args, {
    cwd: git.machine.privateFolder,
    ...towards(remote),
    timeoutMs: ASK_TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
}
