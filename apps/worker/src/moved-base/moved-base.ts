/**
 * Brings work onto a base branch that others changed meanwhile, once. Whether it must be is asked in the supervisor's
 * clean repository; what is done to the working copy is done by git as the job's user, without hooks. Work that nobody
 * else has seen is rebased. A branch that holds somebody's commits keeps them as they are: base is merged into it. A
 * conflict is left in the working copy as an unfinished merge for the agent; what the work was before stays in the
 * clean repository, where no agent can reach it, and is what is published unless the conflict is proved solved.
 */

import { join } from "node:path";
import type { Workspace } from "../git/checkout.ts";
import { type CleanWork, collect, type CollectOptions, DEFAULT_COLLECT_LIMITS } from "../git/collect.ts";
import type { GitFailed } from "../git/failure.ts";
import type { GitCall } from "../git/git.ts";
import type { Mirror, Mirrors } from "../git/mirror.ts";
import { listRemote, type Remote } from "../git/remote.ts";
import { cleanLine } from "../github/tame.ts";
import type { Meeting, MovedBase } from "./contract.ts";
import { checkMerge, committersOf, contains, filesWithMarkers, lendToWork, MARKERS } from "./merge-check.ts";

/** What a meeting works with. */
export interface MovedBaseOptions extends Pick<CollectOptions, "git" | "killAgent" | "message"> {
  readonly mirrors: Mirrors;
  readonly remote: Remote;
  readonly workspace: Workspace;
  /** Commits this job announced before: heads of the branch that are its own. */
  readonly announced: readonly { readonly ref: string; readonly commit: string }[];
  readonly say: (line: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** The meeting, and what it leaves to be published. */
export interface MovedBaseOfJob extends MovedBase {
  /** The working copy as it stands now: on the head of base once it was rebased or merged. */
  workspace(): Workspace;
  /** The work as it was before an unsolved conflict; null: what the working copy holds is the work. */
  work(): CleanWork | null;
  /** Files in which the work does not merge into base; null: it does, as far as is known. */
  conflict(): { readonly base: string; readonly files: readonly string[] } | null;
}

const FAILED = 93;
const MOST_FILES = 50;

// Like the commit of what is left (collect.ts): an explicit place overrules what the agent may have configured.
const HERE = `export GIT_DIR=.git GIT_WORK_TREE=.
[ -d .git ] && [ ! -L .git ] || exit ${FAILED}
`;

// $1 objects to borrow, $2 the new head of base, $3 its ref here.
const LEARN = `${HERE}set -e
mkdir -p .git/objects/info
printf '%s\\n' "$1" >> .git/objects/info/alternates
git update-ref "$3" "$2"`;

// $1 the new head, $2 the work.
const REBASE = `${HERE}git rebase -q --no-verify --no-autostash --no-autosquash "$1" >/dev/null || {
  git rebase --abort
  git reset -q --hard "$2"
  exit ${FAILED}
}`;

// $1 the new head, $2 the base's name. Prints nothing when it is merged, else the files in conflict.
const MERGE = `${HERE}if git merge -q --no-ff --no-commit -m "Merge $2" "$1" >/dev/null; then
  git commit -q --no-verify --no-edit || exit ${FAILED}
  exit 0
fi
git rev-parse -q --verify MERGE_HEAD >/dev/null || exit ${FAILED}
git diff --name-only --diff-filter=U -z`;

const UNMERGED = `${HERE}git diff --name-only --diff-filter=U -z`;
const MARKED = `${HERE}git grep -l -z -I -E '${MARKERS}' -- . || true`;

// $1 the work. Everything was committed before the merge began, so what is untracked came after it.
const RESTORE = `${HERE}git merge --abort 2>/dev/null
rm -f .git/index.lock
git reset -q --hard "$1" && git clean -q -f -d || exit ${FAILED}
[ "$(git rev-parse HEAD)" = "$1" ] && [ -z "$(git status --porcelain)" ] || exit ${FAILED}`;

/** A conflict the agent is at. */
interface Open {
  readonly before: CleanWork;
  readonly mirror: Mirror;
  readonly head: string;
  readonly files: readonly string[];
  /** Files git marked, which are solved when the marks are gone; the others (one side deleted it) when they are staged. */
  readonly marked: ReadonlySet<string>;
  /** Commits that must stay as they are; null: the branch is the job's own. */
  readonly keep: string | null;
}

/** The meeting of one attempt's work with its base. */
export function createMovedBase(options: MovedBaseOptions): MovedBaseOfJob {
  const { git, mirrors, remote, say, signal } = options;
  let workspace = options.workspace;
  let kept: CleanWork | null = null;
  let conflict: ReturnType<MovedBaseOfJob["conflict"]> = null;
  let open: Open | null = null;
  let met = false;
  const { base, branch, ref } = workspace;

  const asAgent = (extra: Partial<GitCall> = {}): GitCall => {
    const { author, agent, repo } = options.workspace;
    return {
      cwd: repo,
      timeoutMs: DEFAULT_COLLECT_LIMITS.stepMs,
      maxOutputBytes: 1024 * 1024,
      signal,
      env: {
        GIT_AUTHOR_NAME: author.name,
        GIT_AUTHOR_EMAIL: author.email,
        GIT_COMMITTER_NAME: author.name,
        GIT_COMMITTER_EMAIL: author.email,
      },
      ...(agent === null ? {} : { user: agent }),
      ...extra,
    };
  };

  /** A base that cannot be looked at costs nobody their work. */
  const leave = async (failed: GitFailed): Promise<Meeting> => {
    signal.throwIfAborted();
    await say(`whether the work still merges into ${base} could not be found out: ${failed.message}`);
    return { end: "fits" };
  };

  const onto = (head: string, mirror: Mirror): void => {
    workspace = { ...workspace, mirror, baseHead: head, baseCommit: head };
  };

  /** Null: every commit of the branch is this job's own, or nobody has seen it. Else the head that must stay. */
  const commitsToKeep = async (work: CleanWork, head: string): Promise<string | null> => {
    const { expectedOld, author } = workspace;
    if (!workspace.continued) return null;
    if (!options.announced.some((one) => one.ref === ref && one.commit === expectedOld)) return expectedOld;
    const by = await committersOf(git, work, head, expectedOld, signal);
    return Array.isArray(by) && by.every((mail) => mail === author.email) ? null : expectedOld;
  };

  const meetOnce = async (): Promise<Meeting> => {
    if (branch === base) return { end: "fits" };
    const listed = await listRemote(git, remote, signal);
    if (!listed.ok) return leave(listed);
    const head = listed.heads.get(base);
    // A base that is gone is for the pull request to say.
    if (head === undefined) return { end: "fits" };
    const isNew = head !== workspace.baseHead;
    // A branch that was there may stand on a base of long ago; a new one stands where it was just made.
    if (!isNew && !workspace.continued) return { end: "fits" };
    const mirror = isNew ? await mirrors.prepare(remote, signal, workspace.mirror) : workspace.mirror;
    if (!mirror.ok) return leave(mirror);
    const work = await collect({ ...options, workspace });
    // What cannot be collected is told when it is published.
    if (!work.ok) return { end: "fits" };
    await lendToWork(work, mirror);
    const checked = await checkMerge(git, work, head, signal);
    if (!checked.ok) return leave(checked);
    if (checked.files.length === 0) return { end: "fits" };
    const keep = await commitsToKeep(work, head);
    // Nothing was added to somebody else's branch, so nothing of it is touched.
    if (keep !== null && work.commit === workspace.expectedOld) return { end: "fits" };
    await say(`${base} moved to ${head} and the work no longer merges into it`);
    kept = work;
    conflict = { base, files: checked.files };
    const lent = await mirrors.lend(mirror, join(workspace.folder, "base.git"), signal);
    if (!lent.ok) return leave(lent);
    const borrowed = join(lent.folder, "objects");
    const learned = await git.script(LEARN, [borrowed, head, `refs/remotes/origin/${base}`], asAgent());
    if (!learned.ok) return leave(learned);
    if (keep === null) {
      const rebased = await git.script(REBASE, [head, work.commit], asAgent());
      await options.killAgent();
      signal.throwIfAborted();
      if (rebased.ok) return done(head, mirror, "rebased");
    }
    return merge({ before: work, mirror, head, keep, files: checked.files });
  };

  const done = async (head: string, mirror: Mirror, how: string): Promise<Meeting> => {
    onto(head, mirror);
    kept = null;
    conflict = null;
    await say(`the work is ${how} on ${base} at ${head}`);
    return { end: "rebased" };
  };

  const merge = async (about: Omit<Open, "marked">): Promise<Meeting> => {
    const merged = await git.script(MERGE, [about.head, base], asAgent());
    const marked = merged.ok ? await git.script(MARKED, [], asAgent()) : merged;
    await options.killAgent();
    signal.throwIfAborted();
    if (!merged.ok) return leave(merged);
    if (!marked.ok) return leave(marked);
    const files = namesIn(merged.stdout);
    if (files.length === 0) return done(about.head, about.mirror, "merged");
    open = { ...about, files, marked: new Set(namesIn(marked.stdout)) };
    conflict = { base, files };
    return { end: "conflict", files, prompt: promptOf(base, files) };
  };

  const isSolved = async ({ before, head, mirror, files, marked, keep }: Open): Promise<boolean> => {
    await options.killAgent();
    const unmerged = await git.script(UNMERGED, [], asAgent());
    if (!unmerged.ok) return false;
    const unstaged = new Set(namesIn(unmerged.stdout));
    if (files.some((file) => !marked.has(file) && unstaged.has(file))) return false;
    const message = `Merge ${base}`;
    const work = await collect({ ...options, message, workspace: { ...workspace, mirror }, allowUnmerged: true });
    if (!work.ok) return false;
    const left = await filesWithMarkers(git, work, files, signal);
    // Some files show markers on purpose.
    const always = await filesWithMarkers(git, before, files, signal);
    if (!Array.isArray(left) || !Array.isArray(always) || left.some((file) => !always.includes(file))) return false;
    const checked = await checkMerge(git, work, head, signal);
    if (!checked.ok || checked.files.length > 0) return false;
    return (await contains(git, work, head, signal)) && (keep === null || contains(git, work, keep, signal));
  };

  return {
    workspace: () => workspace,
    work: () => kept,
    conflict: () => conflict,
    async meet() {
      if (met) return { end: "fits" };
      met = true;
      return meetOnce();
    },
    async settle() {
      const current = open;
      open = null;
      if (current === null) return conflict === null ? "merged" : "conflict";
      const solved = await isSolved(current);
      signal.throwIfAborted();
      if (solved) {
        await done(current.head, current.mirror, "merged");
        return "merged";
      }
      // The tests will judge the working copy, and what they judge must be what is published.
      const restored = await git.script(RESTORE, [current.before.commit], asAgent());
      await options.killAgent();
      signal.throwIfAborted();
      if (restored.ok) kept = null;
      await say(`the conflict with ${base} is not solved; the work is published as it was`);
      return "conflict";
    },
  };
}

function namesIn(output: string): string[] {
  return output.split("\0").filter((name) => name !== "");
}

/** What an agent is told to do. Names of files are the repository's: each is one clean line. */
function promptOf(base: string, files: readonly string[]): string {
  const names = files.slice(0, MOST_FILES).map((file) => `- ${cleanLine(file, 200)}`);
  if (files.length > MOST_FILES) names.push(`- and ${files.length - MOST_FILES} more: see git status`);
  return `# Conflict with the base branch

While you worked, others changed ${base}, and your work no longer merges into it. Hive has begun to merge ${base} into your branch; these files are in conflict:

${names.join("\n")}

- Solve every conflict so that what you were asked for still works and nothing of what the others changed is lost. \`git log HEAD..MERGE_HEAD\` and \`git diff HEAD...MERGE_HEAD\` show what they did.
- Remove every conflict marker, and \`git add\` each file once it is right, also one that you delete.
- Do not abort the merge and do not reset or rebase. You need not commit: Hive concludes the merge.
- End with the same kind of summary as before, of the whole change.`;
}
