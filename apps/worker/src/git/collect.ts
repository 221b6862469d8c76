/**
 * Takes what an agent made out of a repository nobody may trust. Its config, hooks, filters and attributes can run code
 * or steal a token wherever git is used with them, so everything inside it is done as the agent and without any secret,
 * and only objects come over: one commit, fetched into a new bare repository of the supervisor and checked on the way.
 * Where agent and supervisor are one user (the `process` provider without root) this stops accidents, not attackers.
 */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentUser } from "../process/run.ts";
import { findTools, mustSwitch } from "../process/containment.ts";
import type { Workspace } from "./checkout.ts";
import { failedWith, type GitFailed } from "./failure.ts";
import type { Git, GitCall } from "./git.ts";

/** Bounds of what one attempt may hand in. */
export interface CollectLimits {
  /** Bytes of the pack with the new objects. Default: 512 MiB. */
  readonly packBytes: number;
  /** Milliseconds for each step. Default: 10 minutes. */
  readonly stepMs: number;
  /** Bytes of memory one git process may use on the agent's data. Default: 2 GiB. */
  readonly memoryBytes: number;
}

export const DEFAULT_COLLECT_LIMITS: CollectLimits = {
  packBytes: 512 * 1024 * 1024,
  stepMs: 600_000,
  memoryBytes: 2 * 1024 * 1024 * 1024,
};

/** What to take, and how. */
export interface CollectOptions {
  readonly git: Git;
  readonly workspace: Workspace;
  /** Message of the commit that takes what the agent left uncommitted. */
  readonly message: string;
  /** Kills every process of the agent. Called before anything is read and again after git ran as the agent. */
  readonly killAgent: () => Promise<void>;
  /** Commit files with conflict markers instead of refusing them (salvage). Default: false. */
  readonly allowUnmerged?: boolean;
  readonly limits?: Partial<CollectLimits>;
  readonly signal?: AbortSignal;
}

/** The agent's commit in a repository of ours. */
export interface CleanWork {
  readonly ok: true;
  /** A bare repository only the supervisor can enter. */
  readonly folder: string;
  readonly commit: string;
  /** What a person should know: files that could not be added, a repository that had to be repaired. */
  readonly warnings: readonly string[];
}

/** The ref under which the work lies in the clean repository. */
export const WORK_REF = "refs/hive/work";

const BROKEN = 91;
const UNMERGED = 92;

// Explicit GIT_DIR and GIT_WORK_TREE overrule core.worktree and core.bare of a config the agent may have written.
// In git's own folder there are files and folders, and hooks that nobody runs; a pipe would be waited for, and a link
// can lead to one. A pipe in the place of .gitignore or its kind would be waited for too.
// $1: "yes" to take unmerged files as they are. stdin: the commit's message.
const COMMIT_REST = `export GIT_DIR=.git GIT_WORK_TREE=.
chmod u+rwx . .git 2>/dev/null
rm -f .git/index.lock .git/HEAD.lock 2>/dev/null
[ -d .git ] && [ ! -L .git ] || exit ${BROKEN}
[ -z "$(find .git -path .git/hooks -prune -o ! -type f ! -type d -print -quit)" ] || exit ${BROKEN}
find . -path ./.git -prune -o -name '.git*' -type p -exec rm -f {} +
git rev-parse -q --verify 'HEAD^{commit}' >/dev/null || exit ${BROKEN}
if [ "$1" != yes ] && [ -n "$(git ls-files -u | head -n 1)" ]; then exit ${UNMERGED}; fi
git add -A --ignore-errors -- . >/dev/null
added=$?
[ "$added" -lt 128 ] || exit ${BROKEN}
git diff --cached --quiet --no-ext-diff --ignore-submodules=dirty
changed=$?
if [ "$changed" -eq 1 ]; then git commit -q --no-verify --cleanup=whitespace -F - || exit 1; fi
[ "$changed" -le 1 ] || exit ${BROKEN}
[ "$added" -eq 0 ] || echo incomplete
git rev-parse --verify 'HEAD^{commit}'`;

// $1 objects to borrow, $2 branch, $3 commit. The files stay; only git's own folder is made anew.
const REPAIR = `set -eu
rm -rf .git
git init -q -b "$2" .
mkdir -p .git/objects/info
printf '%s\\n' "$1" > .git/objects/info/alternates
git update-ref "refs/heads/$2" "$3"
git read-tree "$3"`;

/** Commits what is left, stops the agent for good and brings its head over. */
export async function collect(options: CollectOptions): Promise<CleanWork | GitFailed> {
  const { killAgent } = options;
  await killAgent();
  const committed = await commitRest(options);
  await killAgent();
  if (!committed.ok) return committed;
  const clean = await makeCleanRepository(options.git, options.workspace.folder, options.workspace.mirror.folder);
  if (!clean.ok) return clean;
  const fetched = await fetchWork(options, clean.folder, committed.commit);
  if (!fetched.ok) return fetched;
  return { ok: true, folder: clean.folder, commit: committed.commit, warnings: committed.warnings };
}

/** A new bare repository inside `parent`, closed to everybody else, that borrows the mirror's objects. */
export async function makeCleanRepository(
  git: Git,
  parent: string,
  mirror: string,
): Promise<{ readonly ok: true; readonly folder: string } | GitFailed> {
  const folder = await mkdtemp(join(parent, "publish-"));
  const made = await git.run(["init", "-q", "--bare", "."], { cwd: folder });
  if (!made.ok) return made;
  await mkdir(join(folder, "objects", "info"), { recursive: true });
  await writeFile(join(folder, "objects", "info", "alternates"), `${join(mirror, "objects")}\n`);
  return { ok: true, folder };
}

/** Settings of every command that reads objects an agent made. */
export const FSCK_CONFIG: readonly (readonly [string, string])[] = [
  ["transfer.fsckObjects", "true"],
  ["fetch.fsckObjects", "true"],
  // One pack, so that the limit on a file's size is a limit on all of it.
  ["fetch.unpackLimit", "1"],
];

type Committed = { readonly ok: true; readonly commit: string; readonly warnings: readonly string[] };

async function commitRest(options: CollectOptions): Promise<Committed | GitFailed> {
  const { git, workspace } = options;
  const { author } = workspace;
  const inside = asAgent(options, {
    stdin: `${options.message.trim()}\n`,
    env: {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
    },
  });
  const warnings: string[] = [];
  const commit = () => git.script(COMMIT_REST, [options.allowUnmerged === true ? "yes" : "no"], inside);
  let done = await commit();
  if (!done.ok && done.exitCode === BROKEN) {
    warnings.push("the agent left git's own folder unusable; its commits were replaced by one with all its files");
    const { borrowed, branch, baseCommit } = workspace;
    const repaired = await git.script(REPAIR, [borrowed, branch, baseCommit], asAgent(options, {}));
    if (!repaired.ok) return repaired;
    done = await commit();
  }
  if (!done.ok) {
    if (done.exitCode !== UNMERGED) return done;
    return failedWith("merge_unfinished", "the agent left a merge with unsolved conflicts; nothing was pushed");
  }
  const lines = done.stdout.trim().split("\n");
  const head = lines.at(-1) ?? "";
  if (!/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(head))
    return failedWith("git_failed", "the agent's repository has no readable head");
  if (lines.includes("incomplete")) warnings.push("some files could not be added to the commit");
  return { ok: true, commit: head, warnings };
}

async function fetchWork(options: CollectOptions, clean: string, commit: string) {
  const { git, workspace, signal } = options;
  const limits = { ...DEFAULT_COLLECT_LIMITS, ...options.limits };
  const uploadPack = await uploadPackCommand(workspace.agent ?? undefined);
  if (uploadPack === null)
    return failedWith("git_failed", "setpriv (util-linux) is missing; it is needed to read as the agent");
  const args = [
    "fetch",
    "-q",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    `--upload-pack=${uploadPack}`,
  ];
  const fetched = await git.run([...args, "--", join(workspace.repo, ".git"), `+${commit}:${WORK_REF}`], {
    cwd: clean,
    protocols: ["file"],
    config: FSCK_CONFIG,
    timeoutMs: limits.stepMs,
    limits: { fileBytes: limits.packBytes, memoryBytes: limits.memoryBytes },
    ...(signal === undefined ? {} : { signal }),
  });
  // The limit on a file's size kills the receiving program without a word; every other end says why.
  const isMute = !fetched.ok && fetched.code === "git_failed" && /invalid index-pack output/.test(fetched.stderr);
  if (isMute && !/early EOF|disconnect|hung up/.test(fetched.stderr)) {
    return failedWith("work_too_large", `the new commits are larger than ${limits.packBytes} bytes`);
  }
  return fetched;
}

// Git hands this to a shell with the quoted path behind it. Its own settings do not reach the other side, on purpose.
async function uploadPackCommand(agent: AgentUser | undefined): Promise<string | null> {
  const command = "git -c core.hooksPath=/dev/null -c core.fsmonitor=false upload-pack --strict";
  if (!mustSwitch(agent)) return command;
  const { setpriv } = await findTools();
  const [program, ...flags] = setpriv ?? [];
  if (program === undefined) return null;
  return [
    program,
    `--reuid=${agent.uid}`,
    `--regid=${agent.gid}`,
    ...flags,
    "--",
    "env",
    `HOME=${agent.home}`,
    command,
  ].join(" ");
}

function asAgent(options: CollectOptions, extra: Partial<GitCall>): GitCall {
  const { workspace, signal } = options;
  return {
    cwd: workspace.repo,
    timeoutMs: options.limits?.stepMs ?? DEFAULT_COLLECT_LIMITS.stepMs,
    maxOutputBytes: 1024 * 1024,
    ...(workspace.agent === null ? {} : { user: workspace.agent }),
    ...(signal === undefined ? {} : { signal }),
    ...extra,
  };
}
