/**
 * From an agent's folder to a branch at the remote, and what to do when that cannot be. The order is the promise: the
 * agent is dead before anything is read, only a checked copy of its commit is looked at and pushed, a push is announced
 * before it happens, and work that cannot be published is kept before its folder goes.
 */
import { writeFile } from "node:fs/promises";
import { type AttemptError, salvageBranchName } from "@hive/core";
import { type BundleFile, openBundle, writeBundle } from "./bundle.ts";
import { type Change, type ChangeLimits, describeChange } from "./change.ts";
import type { Workspace } from "./checkout.ts";
import { type CleanWork, type CollectLimits, collect, makeCleanRepository } from "./collect.ts";
import type { GitCredential } from "./credential.ts";
import { failedWith, type GitFailed, toAttemptError } from "./failure.ts";
import type { Git } from "./git.ts";
import type { Mirror, Mirrors } from "./mirror.ts";
import { type Announce, push } from "./push.ts";
import type { Remote, RemoteRefs } from "./remote.ts";
import { hideSecrets, type SecretFinding, scanForSecrets } from "./secret-scan.ts";

/** What every way of publishing needs. */
export interface PublishContext {
  readonly git: Git;
  /** Null: the remote takes pushes without a login. */
  readonly credential: GitCredential | null;
  /** See `Remote.proxy`. */
  readonly proxy?: string | null;
  /** Values that must never be published: the job's own secrets. */
  readonly secrets: readonly string[];
  /** What this job announced before, in any attempt. */
  readonly announced: readonly { readonly ref: string; readonly commit: string }[];
  readonly announce: Announce;
  /** Fires when the fence ends or the job is canceled. */
  readonly signal?: AbortSignal;
  /** Milliseconds before a push is tried again after the network failed. Default: 1 s, then 5 s. */
  readonly retryAfterMs?: readonly number[];
}

/** Publishing the work of an attempt that just ended. */
export interface PublishOptions extends PublishContext {
  readonly workspace: Workspace;
  /** Message of the commit for what the agent left uncommitted. */
  readonly message: string;
  /** Kills every process of the agent; must not return while one lives. */
  readonly killAgent: () => Promise<void>;
  /** Work that was collected before and is to be published as it was then; absent: what the working copy holds now. */
  readonly work?: CleanWork;
  readonly limits?: Partial<CollectLimits & ChangeLimits>;
}

/** Work that is checked and may be pushed, bundled or shown. */
export interface ReadyWork {
  readonly end: "ready";
  readonly work: CleanWork;
  readonly change: Change;
}

/** Ends that are the same for all ways of publishing. */
export type NotPublished =
  /** The attempt changed nothing: a success without a branch. */
  | { readonly end: "no_changes"; readonly change: Change }
  /** The lease ended or the job was canceled: nothing more to report. */
  | { readonly end: "stopped" }
  /** `change` is there when the work was collected: it can be shown and salvaged. */
  | { readonly end: "failed"; readonly error: AttemptError; readonly change: Change | null };

/** The work is at the remote. */
export interface Published {
  readonly end: "published";
  readonly branch: string;
  readonly commit: string;
  readonly change: Change;
}

/** Work that was kept because it could not be published. */
export type Salvage =
  | { readonly end: "nothing" }
  | { readonly end: "branch"; readonly branch: string; readonly commit: string }
  /** A git bundle: `git fetch FILE 'refs/hive/work/*:refs/heads/salvage/*'`. */
  | ({ readonly end: "bundle" } & Omit<BundleFile, "ok">)
  /** A patch with its secrets blanked out: neither the branch nor the bundle may exist. */
  | { readonly end: "patch"; readonly file: string }
  | { readonly end: "failed"; readonly error: AttemptError };

/** Collects, checks and pushes: the usual end of a job. */
export async function publish(options: PublishOptions): Promise<Published | NotPublished> {
  const ready = await prepareWork(options);
  return ready.end === "ready" ? pushWork(options, ready) : ready;
}

/**
 * Everything before the push. For work that a person must approve first: write it with {@link bundleWork}. Answers
 * `published` where an earlier attempt of this job had pushed already and this one added nothing.
 */
export async function prepareWork(options: PublishOptions): Promise<ReadyWork | Published | NotPublished> {
  const { workspace } = options;
  const work = options.work ?? (await collect(options));
  if (!work.ok) return ended(work, null);
  const checked = await checkWork(options, work, workspace.baseCommit, workspace.mirror.refs, options.limits);
  if (checked.end === "ready") return sinceOrigin(options, checked);
  if (checked.end !== "no_changes" || work.commit !== workspace.expectedOld) return checked;
  const isOwn = options.announced.some((one) => one.ref === workspace.ref && one.commit === work.commit);
  return isOwn ? alreadyPublished(options, work) : checked;
}

/** What is compared is all of the work, also where earlier attempts pushed a part of it. */
async function sinceOrigin(options: PublishOptions, ready: ReadyWork): Promise<ReadyWork | NotPublished> {
  const { git, workspace, limits, signal } = options;
  if (workspace.origin === null || workspace.origin === workspace.baseCommit) return ready;
  const change = await describeChange(git, ready.work, workspace.origin, limits, signal);
  return change.ok ? { ...ready, change } : ended(change, null);
}

/** The branch holds this job's own work, from an attempt that was lost after its push: that is its result. */
async function alreadyPublished(options: PublishOptions, work: CleanWork): Promise<Published | NotPublished> {
  const { git, workspace, signal } = options;
  const call = { cwd: work.folder, ...(signal === undefined ? {} : { signal }) };
  const forked = await git.run(["merge-base", workspace.baseHead, work.commit], call);
  const from = workspace.origin ?? (forked.ok ? forked.stdout.trim() : workspace.baseHead);
  const change = await describeChange(git, work, from, options.limits, signal);
  if (!change.ok) return ended(change, null);
  return { end: "published", branch: workspace.branch, commit: work.commit, change };
}

/** Pushes checked work to the job's branch. */
export async function pushWork(options: PublishOptions, ready: ReadyWork): Promise<Published | NotPublished> {
  const { workspace } = options;
  const remote = { address: workspace.address, credential: options.credential, proxy: options.proxy ?? null };
  return pushTo(options, remote, workspace.branch, workspace.ref, workspace.expectedOld, ready);
}

/** Writes checked work to a file, to be published later by {@link publishBundle}. */
export function bundleWork(options: PublishOptions, ready: ReadyWork, file: string): Promise<BundleFile | GitFailed> {
  return writeBundle(options.git, ready.work, options.workspace, file, options.signal);
}

/** A publishing attempt: pushes a bundle that a person approved, and nothing else. */
export async function publishBundle(
  options: PublishContext & {
    readonly mirrors: Mirrors;
    readonly remote: Remote;
    readonly branch: { readonly name: string; readonly ref: string };
    readonly bundle: { readonly file: string; readonly sha256: string };
    /** A folder of the supervisor for this attempt. */
    readonly folder: string;
  },
): Promise<Published | NotPublished> {
  const { git, mirrors, remote, branch, signal } = options;
  const mirror = await mirrors.prepare(remote, signal);
  if (!mirror.ok) return ended(mirror, null);
  const opened = await openBundle(git, mirror, options.bundle, options.folder, signal);
  if (!opened.ok) return ended(opened, null);
  const ready = await checkWork(options, opened.work, opened.baseCommit, mirror.refs);
  return ready.end === "ready" ? pushTo(options, remote, branch.name, branch.ref, opened.expectedOld, ready) : ready;
}

/** Pushes a commit that is at the remote already, on another branch of this job's: the candidate that was chosen. */
export async function publishCommit(
  options: PublishContext & {
    /** The job's repository as it is now. */
    readonly mirror: Mirror;
    readonly remote: Remote;
    readonly branch: { readonly name: string; readonly ref: string };
    readonly commit: string;
    /** Where its work began. */
    readonly from: string;
    /** A folder of the supervisor for this attempt. */
    readonly folder: string;
  },
): Promise<Published | NotPublished> {
  const { git, mirror, remote, branch, commit, from, signal } = options;
  const clean = await makeCleanRepository(git, options.folder, mirror.folder);
  if (!clean.ok) return ended(clean, null);
  const call = { cwd: clean.folder, ...(signal === undefined ? {} : { signal }) };
  const found = await git.run(["cat-file", "-e", `${commit}^{commit}`], call);
  if (!found.ok) {
    const message = `the commit ${commit} is no longer in the repository; somebody removed the branch it was on`;
    return ended(found.code === "aborted" ? found : failedWith("branch_moved", message), null);
  }
  const work: CleanWork = { ok: true, folder: clean.folder, commit, warnings: [] };
  const ready = await checkWork(options, work, from, mirror.refs);
  if (ready.end !== "ready") return ready;
  // Whatever was pushed there meanwhile stays in the branch: only a head that the commit builds on may be replaced.
  const there = mirror.refs.heads.get(branch.name);
  const known = there === undefined || (await git.run(["merge-base", "--is-ancestor", there, commit], call)).ok;
  const expectedOld = known ? (there ?? "0".repeat(commit.length)) : from;
  return pushTo(options, remote, branch.name, branch.ref, expectedOld, ready);
}

/**
 * Keeps what an attempt made and could not publish: on a branch of its own (`hive/salvage/<jobId>/<fence>`), else in a
 * bundle at `file`.bundle, else, where it holds a secret, as a patch without it at `file`.patch.
 */
export async function salvage(
  options: PublishOptions & {
    readonly jobId: string;
    readonly fence: number;
    /** Where a file may be written, without its ending. */
    readonly file: string;
    /** False: do not touch the remote (its token was refused, or the work is not approved). Default: true. */
    readonly toBranch?: boolean;
  },
): Promise<Salvage> {
  const { git, workspace, signal } = options;
  const work = options.work ?? (await collect({ ...options, allowUnmerged: true }));
  if (!work.ok) return { end: "failed", error: toAttemptError(work) };
  const change = await describeChange(git, work, workspace.baseCommit, options.limits, signal);
  if (!change.ok) return { end: "failed", error: toAttemptError(change) };
  if (change.noChanges) return { end: "nothing" };
  const scanned = await scanForSecrets(git, work, workspace.mirror.refs.heads.values(), options.secrets, signal);
  if (!scanned.ok || scanned.findings.length > 0) {
    const file = `${options.file}.patch`;
    await writeFile(file, hideSecrets(change.patch, options.secrets), { mode: 0o600 });
    return { end: "patch", file };
  }
  if (options.toBranch !== false) {
    const branch = salvageBranchName(options.jobId, options.fence);
    const remote = { address: workspace.address, credential: options.credential, proxy: options.proxy ?? null };
    const nowhere = "0".repeat(work.commit.length);
    const pushed = await pushTo(options, remote, branch, `refs/heads/${branch}`, nowhere, {
      end: "ready",
      work,
      change,
    });
    if (pushed.end === "published") return { end: "branch", branch, commit: pushed.commit };
  }
  const bundled = await writeBundle(git, work, workspace, `${options.file}.bundle`, signal);
  if (!bundled.ok) return { end: "failed", error: toAttemptError(bundled) };
  return { end: "bundle", file: bundled.file, bytes: bundled.bytes, sha256: bundled.sha256 };
}

async function checkWork(
  context: PublishContext,
  work: CleanWork,
  baseCommit: string,
  refs: RemoteRefs,
  limits?: Partial<ChangeLimits>,
): Promise<ReadyWork | NotPublished> {
  const { git, signal } = context;
  const change = await describeChange(git, work, baseCommit, limits, signal);
  if (!change.ok) return ended(change, null);
  if (change.noChanges) return { end: "no_changes", change };
  const scanned = await scanForSecrets(git, work, [baseCommit, ...refs.heads.values()], context.secrets, signal);
  if (!scanned.ok) return ended(scanned, null);
  if (scanned.findings.length > 0) {
    const safe = { ...change, patch: hideSecrets(change.patch, context.secrets) };
    return ended(failedWith("secret_in_diff", describeFindings(scanned.findings)), safe);
  }
  return { end: "ready", work, change };
}

async function pushTo(
  context: PublishContext,
  remote: Remote,
  branch: string,
  ref: string,
  expectedOld: string,
  ready: ReadyWork,
): Promise<Published | NotPublished> {
  const { git, announced, announce, signal } = context;
  const { work, change } = ready;
  const pushed = await push({
    git,
    folder: work.folder,
    remote,
    ref,
    expectedOld,
    commit: work.commit,
    announced,
    announce,
    ...(context.retryAfterMs === undefined ? {} : { retryAfterMs: context.retryAfterMs }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!pushed.ok) return ended(pushed, change);
  return pushed.end === "stopped" ? { end: "stopped" } : { end: "published", branch, commit: pushed.commit, change };
}

function ended(failed: GitFailed, change: Change | null): NotPublished {
  return failed.code === "aborted" ? { end: "stopped" } : { end: "failed", error: toAttemptError(failed), change };
}

function describeFindings(findings: readonly SecretFinding[]): string {
  const places = findings.slice(0, 5).map((one) => `${one.what} in ${one.file}, line ${one.line}`);
  const more = findings.length > 5 ? ` and ${findings.length - 5} more` : "";
  return `not pushed, because the commits hold ${places.join("; ")}${more}. Remove it, or mark a line that only looks like one with "gitleaks:allow"`;
}
