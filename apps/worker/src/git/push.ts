/**
 * Puts one commit on one branch of the remote, exactly once and only if the branch is where it was expected. The commit
 * is announced before it is pushed, so that after a lost answer, a crash or a second attempt the remote's head can be
 * recognised: a head we announced is ours, any other means somebody else moved the branch. What counts is what the
 * remote says afterwards, not what git's exit code was.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type GitFailed, failedWith, lastWords } from "./failure.ts";
import type { Git, GitDone } from "./git.ts";
import { readRemoteRef, type Remote, towards } from "./remote.ts";

/** One commit about to be pushed. `expectedOld` is 40 zeros where the branch must not exist. */
export interface PushAnnouncement {
  readonly ref: string;
  readonly expectedOld: string;
  readonly commit: string;
}

/**
 * Tells the dispatcher, durably, before a push. False: the lease is over and nothing may be pushed any more. May throw
 * what the dispatcher's client throws; the push does not happen then.
 */
export type Announce = (announcement: PushAnnouncement) => Promise<boolean>;

/** What to push where. */
export interface PushOptions {
  readonly git: Git;
  /** The supervisor's bare repository that holds the commit. Never the agent's. */
  readonly folder: string;
  readonly remote: Remote;
  /** Full name, such as `refs/heads/hive/demo-1`. */
  readonly ref: string;
  readonly expectedOld: string;
  readonly commit: string;
  /** What this job announced before, newest last: heads that are its own. */
  readonly announced: readonly { readonly ref: string; readonly commit: string }[];
  readonly announce: Announce;
  /** Fires when the fence ends: cuts a push in the middle. */
  readonly signal?: AbortSignal;
  /** Milliseconds before a push is tried again after the network failed. Default: 1 s, then 5 s. */
  readonly retryAfterMs?: readonly number[];
}

/** How a push ended. */
export type PushOutcome =
  | { readonly ok: true; readonly end: "pushed"; readonly commit: string }
  /** The lease ended before or while pushing; whether it landed is for the next attempt to find out. */
  | { readonly ok: true; readonly end: "stopped" }
  | GitFailed;

const PUSH_TIMEOUT_MS = 1_800_000;
const RETRY_AFTER_MS = [1_000, 5_000];
const NOWHERE = /^0+$/;

/** Pushes; see the head of this file for what is promised. */
export async function push(options: PushOptions): Promise<PushOutcome> {
  const { git, remote, ref, commit, signal } = options;
  const retries = options.retryAfterMs ?? RETRY_AFTER_MS;
  const own = new Set(options.announced.filter((one) => one.ref === ref).map((one) => one.commit));
  own.add(commit);
  let last: GitFailed = failedWith("network", `${remote.address.url} could not be reached`);
  for (let attempt = 0; attempt <= retries.length; attempt += 1) {
    if (attempt > 0 && !(await waitUnlessStopped(retries[attempt - 1] ?? 0, signal)))
      return { ok: true, end: "stopped" };
    const before = await readRemoteRef(git, remote, ref, signal);
    if (!before.ok) {
      if (before.code === "aborted") return { ok: true, end: "stopped" };
      last = before;
      if (before.code === "network" || before.code === "git_timeout") continue;
      return before;
    }
    if (before.commit === commit) return { ok: true, end: "pushed", commit };
    const expected = NOWHERE.test(options.expectedOld) ? null : options.expectedOld;
    if (before.commit !== expected && (before.commit === null || !own.has(before.commit))) {
      return moved(options, before.commit);
    }
    const expectedOld = before.commit ?? "0".repeat(commit.length);
    if (!(await options.announce({ ref, expectedOld, commit }))) return { ok: true, end: "stopped" };
    const pushed = await pushOnce(options, before.commit);
    if (!pushed.ok && pushed.code === "aborted") return { ok: true, end: "stopped" };
    const after = await readRemoteRef(git, remote, ref, signal);
    if (after.ok && after.commit === commit) return { ok: true, end: "pushed", commit };
    if (!after.ok && after.code === "aborted") return { ok: true, end: "stopped" };
    if (after.ok && after.commit !== before.commit) return moved(options, after.commit);
    if (pushed.ok) {
      // The remote said it took the commit and now cannot be asked, or shows an older state: ask again.
      last = after.ok ? failedWith("network", `${remote.address.url} took the push but does not show it`) : after;
      continue;
    }
    if (pushed.code !== "network" && pushed.code !== "git_timeout") return pushed;
    last = pushed;
  }
  return last;
}

async function pushOnce(options: PushOptions, old: string | null): Promise<GitDone | GitFailed> {
  const { git, remote, ref, commit, signal } = options;
  const said: string[] = [];
  const pushed = await git.run(
    // An empty expectation means "must not exist". The full refspec leaves git nothing to guess.
    [
      "push",
      "--porcelain",
      "--no-verify",
      `--force-with-lease=${ref}:${old ?? ""}`,
      "--",
      remote.address.url,
      `${commit}:${ref}`,
    ],
    {
      cwd: options.folder,
      ...towards(remote),
      timeoutMs: PUSH_TIMEOUT_MS,
      onStdout: (chunk) => void said.push(Buffer.from(chunk).toString("utf8")),
      ...(signal === undefined ? {} : { signal }),
    },
  );
  if (pushed.ok || pushed.code === "aborted") return pushed;
  const verdict = said
    .join("")
    .split("\n")
    .find((line) => line.startsWith("!\t"));
  if (verdict === undefined) return pushed;
  if (/stale info|fetch first|non-fast-forward/.test(verdict)) {
    return { ...pushed, code: "branch_moved", message: `${ref} is no longer where it was expected` };
  }
  const reason = /\[(?:remote )?(?:rejected|failure)\]?\s*(?:\((.*)\))?/.exec(verdict)?.[1] ?? "rejected";
  const words = lastWords(pushed.stderr);
  // GitHub's own words for a token that may push, but not these files.
  const scope = /without `?(workflow)`? scope/.exec(`${reason} ${words}`)?.[1];
  const hint = scope === undefined ? "" : `; the token needs the scope "${scope}"`;
  return {
    ...pushed,
    code: "push_rejected",
    message: `the remote rejected ${ref}: ${reason}${words === "" ? "" : ` (${words})`}${hint}`,
  };
}

function moved(options: PushOptions, now: string | null): GitFailed {
  const is = now === null ? "is gone" : `is at ${now.slice(0, 12)}`;
  const was = NOWHERE.test(options.expectedOld) ? "did not exist" : `was at ${options.expectedOld.slice(0, 12)}`;
  return failedWith(
    "branch_moved",
    `${options.ref} ${is} and ${was} when the work began; somebody else changed it. Retry the job to continue from there`,
  );
}

async function waitUnlessStopped(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return pause(ms, true, signal === undefined ? {} : { signal }).catch(() => false);
}
