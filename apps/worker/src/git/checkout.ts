/**
 * Makes the working copy of one attempt. The work starts at the job's branch if that branch is already at the remote
 * (a second round continues, and nobody's commits are lost), else at `base`, else at the default branch; `base` is in
 * any case where a pull request points. The copy belongs to the agent, holds no credential, and borrows its objects
 * from what the mirrors lend: a repository the agent can read and, under a user of its own, not change.
 */
import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CandidateStart, checkBranchName, defaultBranchName, type RepoAddress } from "@hive/core";
import type { AgentUser } from "../process/run.ts";
import { failedWith, type GitFailed } from "./failure.ts";
import { byName, type Git } from "./git.ts";
import type { Mirror, Mirrors } from "./mirror.ts";
import type { Remote, RemoteRefs } from "./remote.ts";

/** Who the commits are by. */
export interface Author {
  readonly name: string;
  readonly email: string;
}

/** The author of jobs that name none. */
export const DEFAULT_AUTHOR: Author = { name: "Hive", email: "hive@localhost" };

/** What "does not exist" is written as where a commit is expected. */
export const NO_COMMIT = "0".repeat(40);

/** What to check out, and where. */
export interface CheckoutOptions {
  readonly git: Git;
  readonly mirrors: Mirrors;
  readonly remote: Remote;
  readonly jobId: string;
  /** The job's branch; null: `hive/<jobId>`. Already judged by `checkBranchName`. */
  readonly branch: string | null;
  /** Null: the remote's default branch. */
  readonly base: string | null;
  /** For one of several candidates: where all of them start. */
  readonly candidate?: CandidatePlan;
  /** The attempt's folder: exists, is empty, belongs to the supervisor. */
  readonly folder: string;
  /** The user the agent runs as; absent: the supervisor's own. */
  readonly agent?: AgentUser;
  readonly author?: Author;
  readonly signal?: AbortSignal;
}

/** How a candidate finds out where it starts. */
export interface CandidatePlan {
  /** The branch the chosen one is published to: where it is at the remote, the candidates go on from it. */
  readonly branch: string;
  /** Branches of the others: what they made is not shown to this one. */
  readonly others: ReadonlySet<string>;
  /** Says where this one would start and gives where all of them do. */
  readonly agree: (start: CandidateStart) => Promise<CandidateStart>;
}

/** The working copy of one attempt. */
export interface Workspace {
  readonly ok: true;
  /** The attempt's folder; the supervisor's. */
  readonly folder: string;
  /** The working copy; the agent's. Never run git here as the supervisor. */
  readonly repo: string;
  readonly address: RepoAddress;
  readonly mirror: Mirror;
  /** The folder of objects the working copy borrows; readable to the agent. */
  readonly borrowed: string;
  /** The branch the work is pushed to, and its full ref. */
  readonly branch: string;
  readonly ref: string;
  /** The branch a pull request points to. */
  readonly base: string;
  /** Where `base` is: settings of the repository (`.hive/config.yaml`) are read here. */
  readonly baseHead: string;
  /** Where the work started; the diff of this attempt is against it. */
  readonly baseCommit: string;
  /** Where the work of all attempts began, for those that are compared by it: a candidate's. Null: nobody asks. */
  readonly origin: string | null;
  /** Where the branch was at the remote; 40 zeros: nowhere. */
  readonly expectedOld: string;
  /** True when the branch existed and the work goes on from there. */
  readonly continued: boolean;
  readonly agent: AgentUser | null;
  readonly author: Author;
}

// Everything in the new folder is made by the agent's user, so nothing has to be handed over afterwards.
// $1 objects to borrow, $2 branch, $3 commit, $4 name, $5 email, $6 address, $7 default branch; stdin: packed-refs.
const MAKE_COPY = `set -eu
git init -q -b "$2" .
mkdir -p .git/objects/info
printf '%s\\n' "$1" > .git/objects/info/alternates
cat > .git/packed-refs
git config user.name "$4"
git config user.email "$5"
git config remote.origin.url "$6"
git config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
if [ -n "$7" ]; then git symbolic-ref refs/remotes/origin/HEAD "refs/remotes/origin/$7"; fi
git checkout -q -B "$2" "$3" --`;

/** Prepares the mirror and makes the working copy; see the head of this file for where it starts. */
export async function checkout(options: CheckoutOptions): Promise<Workspace | GitFailed> {
  const { mirrors, remote, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const mirror = await mirrors.prepare(remote, signal);
    if (!mirror.ok) return mirror;
    const plan = await agreed(options, mirror, choosePlan(options, mirror.refs));
    if (!plan.ok) return plan;
    const made = await makeWorkspace(options, mirror, plan);
    if (made.ok || made.code === "aborted" || attempt === 2) return made;
    if (made.code !== "mirror_corrupt" && made.code !== "git_failed") return made;
    // A mirror can be damaged where no fetch looks (a file the disk lost). Once is worth a whole new clone.
    await mirrors.discard(mirror);
    await emptyWorkspace(options.folder);
  }
}

/** A file as it is at the head of the base branch, or null. Never looks at the working copy. */
export async function readBaseFile(
  git: Git,
  workspace: Workspace,
  path: string,
  maxBytes: number,
): Promise<string | null> {
  const shown = await git.run(["cat-file", "blob", `${workspace.baseHead}:${path}`], {
    ...byName(workspace.mirror.folder),
    maxOutputBytes: maxBytes,
  });
  return shown.ok ? shown.stdout : null;
}

type Plan = Pick<
  Workspace,
  "branch" | "ref" | "base" | "baseHead" | "baseCommit" | "origin" | "expectedOld" | "continued"
> & { readonly ok: true };

/** The plan of a candidate is that of all of them: the base may have moved since the first of them was prepared. */
async function agreed(options: CheckoutOptions, mirror: Mirror, plan: Plan | GitFailed): Promise<Plan | GitFailed> {
  const { candidate, git, signal } = options;
  if (!plan.ok || candidate === undefined) return plan;
  const here = mirror.refs.heads.get(candidate.branch) ?? plan.baseHead;
  const { base, commit } = await candidate.agree({ base: plan.baseHead, commit: here });
  for (const one of new Set([base, commit])) {
    const found = await git.run(["cat-file", "-e", `${one}^{commit}`], {
      ...byName(mirror.folder),
      ...(signal === undefined ? {} : { signal }),
    });
    if (found.ok || found.code === "aborted") continue;
    return failedWith("base_not_found", `the commit all candidates start at, ${one}, is no longer in the repository`);
  }
  return { ...plan, baseHead: base, baseCommit: plan.continued ? plan.baseCommit : commit, origin: commit };
}

function choosePlan(options: CheckoutOptions, refs: RemoteRefs): Plan | GitFailed {
  const { url } = options.remote.address;
  const named = checkBranchName(options.branch ?? defaultBranchName(options.jobId));
  if (!named.ok) return failedWith("base_not_found", named.message);
  const base = options.base ?? refs.defaultBranch;
  if (refs.heads.size === 0) {
    return failedWith("base_not_found", `${url} has no branch yet; push a first commit to it`);
  }
  if (base === null) {
    return failedWith("base_not_found", `${url} has no default branch; name one as base: ${listSome(refs)}`);
  }
  const baseHead = refs.heads.get(base);
  if (baseHead === undefined) {
    return failedWith("base_not_found", `${url} has no branch "${base}" to start from; it has ${listSome(refs)}`);
  }
  const there = refs.heads.get(named.name);
  return {
    ok: true,
    branch: named.name,
    ref: named.ref,
    base,
    baseHead,
    baseCommit: there ?? baseHead,
    origin: null,
    expectedOld: there ?? "0".repeat(baseHead.length),
    continued: there !== undefined,
  };
}

async function makeWorkspace(options: CheckoutOptions, mirror: Mirror, plan: Plan): Promise<Workspace | GitFailed> {
  const { git, mirrors, folder, agent, signal } = options;
  const author = options.author ?? DEFAULT_AUTHOR;
  const repo = join(folder, "repo");
  const lent = await mirrors.lend(mirror, join(folder, "mirror.git"), signal);
  if (!lent.ok) return lent;
  const borrowed = join(lent.folder, "objects");
  await openTo(agent, folder, 0o750, false);
  await mkdir(repo, { mode: 0o700 });
  await openTo(agent, repo, 0o700, true);
  const refs = await git.run(["for-each-ref", "--format=%(objectname) %(refname)"], byName(lent.folder));
  if (!refs.ok) return refs;
  const made = await git.script(
    MAKE_COPY,
    [
      borrowed,
      plan.branch,
      plan.baseCommit,
      author.name,
      author.email,
      options.remote.address.url,
      mirror.refs.defaultBranch ?? "",
    ],
    {
      cwd: repo,
      stdin: asRemoteBranches(refs.stdout, options.candidate?.others),
      ...(agent === undefined ? {} : { user: agent }),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  if (!made.ok) return made;
  const { address } = options.remote;
  return { ...plan, ok: true, folder, repo, address, mirror, borrowed, agent: agent ?? null, author };
}

function asRemoteBranches(refs: string, hidden: ReadonlySet<string> = new Set()): string {
  return refs
    .split("\n")
    .filter((line) => line !== "" && !hidden.has(line.replace(/^\S+ refs\/heads\//, "")))
    .map((line) => line.replace(/^(\S+) refs\/heads\//, "$1 refs/remotes/origin/"))
    .sort((one, two) => (one.slice(one.indexOf(" ")) < two.slice(two.indexOf(" ")) ? -1 : 1))
    .map((line) => `${line}\n`)
    .join("");
}

/** Lets the agent's group in, or hands a folder over; nothing to do where agent and supervisor are one user. */
async function openTo(agent: AgentUser | undefined, path: string, mode: number, give: boolean): Promise<void> {
  // The mode first: root in a container has no right over a folder that is somebody else's.
  await chmod(path, mode);
  if (agent !== undefined && agent.uid !== process.getuid?.()) {
    await chown(path, give ? agent.uid : (process.getuid?.() ?? 0), agent.gid);
  }
}

async function emptyWorkspace(folder: string): Promise<void> {
  await rm(join(folder, "mirror.git"), { recursive: true, force: true });
  await rm(join(folder, "repo"), { recursive: true, force: true });
}

function listSome(refs: RemoteRefs): string {
  const names = [...refs.heads.keys()].sort();
  const first = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${first} and ${names.length - 5} more` : first;
}
