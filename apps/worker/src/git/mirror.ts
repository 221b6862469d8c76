/**
 * One bare copy of every repository this machine works on, so that only the first job waits for a whole clone. A job
 * gets at it only after its own credential listed the remote's branches: a mirror must never show a private repository
 * to somebody who merely knows its name. Any number of worker processes share one folder; one of them writes at a
 * time, and a fetch serves everybody who waited for it. Objects are never pruned, so a running checkout keeps its base.
 *
 * A worker without containers has mirrors of its own (`createMirrors`); one in a container asks the mirror keeper for
 * them (`handed-out-mirrors.ts`), which again has these.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { RepoAddress } from "@hive/core";
import { failedWith, type GitFailed } from "./failure.ts";
import { withFileLock } from "./file-lock.ts";
import type { Git, GitDone } from "./git.ts";
import { listRemote, type Remote, type RemoteRefs, towards } from "./remote.ts";
import { createSharedWork } from "./shared-work.ts";

/** A mirror that has every branch of `refs`. */
export interface Mirror {
  readonly ok: true;
  /** A bare repository for the supervisor to read from, by its name (`byName` of git.ts): it may be another user's. */
  readonly folder: string;
  /** The remote's branches as the job's own credential saw them. */
  readonly refs: RemoteRefs;
}

/** A bare repository with everything of a mirror, that one job's agent may read and no other. */
export interface Lent {
  readonly ok: true;
  readonly folder: string;
}

/** Where a worker has its repositories from. All methods may be called at once. */
export interface Mirrors {
  /**
   * Proves the credential, then brings the mirror up to date; damaged mirrors are fetched anew. `outdated`: what was
   * prepared before and lacks what the remote has by now.
   */
  prepare(remote: Remote, signal?: AbortSignal, outdated?: Pick<Mirror, "folder">): Promise<Mirror | GitFailed>;
  /**
   * Lends a mirror to a job: its working copy borrows from what is answered. That is a new repository at `target`, which
   * must not exist, or one that lies elsewhere already.
   */
  lend(mirror: Mirror, target: string, signal?: AbortSignal): Promise<Lent | GitFailed>;
  /** Throws a mirror away that turned out to be damaged; the next `prepare` fetches it anew. */
  discard(mirror: Pick<Mirror, "folder">): Promise<void>;
}

/** The mirrors of this machine, in a folder of our own. Several processes may use one folder. */
export interface OwnMirrors extends Mirrors {
  /** Where the mirror of an address is, whether or not it exists. Only the supervisor can enter it. */
  folderOf(address: RepoAddress): string;
}

/** What is done to a fetch by whoever looks after the disk: it may be refused, or cut by another signal. */
export type AroundFetch = (fetch: (signal?: AbortSignal) => Promise<Fetched>, signal?: AbortSignal) => Promise<Fetched>;
type Fetched = { readonly ok: true } | GitFailed;

const FETCH_TIMEOUT_MS = 1_800_000;
const MOST_PACKS = 40;
const MOST_ROUNDS = 3;
/** Whatever our umask: a job's agent reads these files where they are lent to it, behind folders that say who may. */
const READABLE: readonly (readonly [string, string])[] = [["core.sharedRepository", "0644"]];
/** Failures of this machine or of the network: whoever waited for the same fetch would meet them too. */
const EVERYBODYS: ReadonlySet<string> = new Set(["network", "git_timeout", "disk_full"]);

/** Mirrors in `folder`, which is created and closed to other users. `around` is called for each fetch; default: as it is. */
export async function createMirrors(git: Git, folder: string, around?: AroundFetch): Promise<OwnMirrors> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Those of this process who wait for the same repository queue up here instead of polling the lock file.
  const queues = new Map<string, Promise<unknown>>();
  const updates = createSharedWork<Fetched>();

  const folderOf = (address: RepoAddress): string => {
    const readable = address.key
      .replace(/[^A-Za-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(-60);
    // By `url`, not by `key`: on a plain server /a and /a.git may be two repositories with different readers.
    return join(folder, `${readable}-${createHash("sha256").update(address.url).digest("hex").slice(0, 20)}.git`);
  };

  const exclusively = async <T>(mirror: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const before = queues.get(mirror) ?? Promise.resolve();
    // The others of this process first; `before` never rejects, and being stopped ends the wait but not the order.
    const turn = unlessStopped(before, signal).then(() => withFileLock(`${mirror}.lock`, work, signal));
    const settled = Promise.allSettled([before, turn]);
    queues.set(mirror, settled);
    try {
      return await turn;
    } finally {
      if (queues.get(mirror) === settled) queues.delete(mirror);
    }
  };

  /** The same, for work that fails as a value: being stopped while waiting for the lock is one too. */
  const exclusivelyOr = async <T>(
    mirror: string,
    work: () => Promise<T | GitFailed>,
    signal?: AbortSignal,
  ): Promise<T | GitFailed> => {
    try {
      return await exclusively(mirror, work, signal);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      return STOPPED;
    }
  };

  const update = (remote: Remote, refs: RemoteRefs, signal: AbortSignal): Promise<Fetched> => {
    const mirror = folderOf(remote.address);
    const bring = (until?: AbortSignal) => bringUpToDate(git, mirror, remote, refs, until);
    return exclusivelyOr(mirror, () => (around === undefined ? bring(signal) : around(bring, signal)), signal);
  };

  const prepare = async (remote: Remote, signal?: AbortSignal): Promise<Mirror | GitFailed> => {
    const mirror = folderOf(remote.address);
    // A second round of our own is needed only when a branch was thrown back between our listing and the fetch.
    for (let round = 1; round <= MOST_ROUNDS; ) {
      const refs = await listRemote(git, remote, signal);
      if (!refs.ok) return refs;
      if (await hasAll(git, mirror, refs, signal)) return { ok: true, folder: mirror, refs };
      const updated = await updates.join(mirror, (shared) => update(remote, refs, shared), signal);
      if (updated === null) return STOPPED;
      const { value, own } = updated;
      // What somebody else's fetch died of may be their credential or their leaving; ours is tried next.
      if (!value.ok && (own || EVERYBODYS.has(value.code))) return value;
      if (await hasAll(git, mirror, refs, signal)) return { ok: true, folder: mirror, refs };
      if (own) round += 1;
    }
    return failedWith("network", `${remote.address.url} changed faster than it could be fetched`);
  };

  const lend = async (mirror: Mirror, target: string, signal?: AbortSignal): Promise<Lent | GitFailed> => {
    const clone = () =>
      git.run(["clone", "-q", "--bare", "--", mirror.folder, target], {
        cwd: folder,
        protocols: ["file"],
        config: READABLE,
        ...(signal === undefined ? {} : { signal }),
      });
    const lent = { ok: true, folder: target } as const;
    const first = await clone();
    if (first.ok) return lent;
    if (first.code === "aborted") return first;
    // A writer may have replaced a file while it was being linked; nobody writes while we hold the lock.
    await rm(target, { recursive: true, force: true });
    const second = await exclusivelyOr(mirror.folder, clone, signal);
    return second.ok ? lent : second;
  };

  const discard = ({ folder: mirror }: Pick<Mirror, "folder">): Promise<void> =>
    exclusively(mirror, async () => {
      if (!(await exists(mirror))) return;
      // Gone at once for everybody who looks, never half gone; a kill in between leaves it to the next clone.
      const going = stagingOf(mirror);
      await rename(mirror, going);
      await rm(going, { recursive: true, force: true });
    });

  return { prepare, lend, discard, folderOf };
}

const STOPPED: GitFailed = { ok: false, code: "aborted", message: "stopped", stderr: "", exitCode: null };

/** Waits for `before`, or throws the signal's reason as soon as it fires. */
async function unlessStopped(before: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  if (signal === undefined) {
    await before;
    return;
  }
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop, { once: true });
  if (!signal.aborted) await Promise.race([before, stopped]);
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
}

/** True when the mirror has every commit the remote named. Reads only, so no lock is needed. */
async function hasAll(git: Git, mirror: string, refs: RemoteRefs, signal?: AbortSignal): Promise<boolean> {
  if (!(await exists(mirror))) return false;
  const asked = await git.run(["cat-file", "--batch-check=%(objecttype)"], {
    cwd: mirror,
    stdin: [...new Set(refs.heads.values())].map((commit) => `${commit}\n`).join(""),
    ...(signal === undefined ? {} : { signal }),
  });
  return asked.ok && !/missing$/m.test(asked.stdout);
}

/** Under the lock: fetches, or clones where there is nothing usable. */
async function bringUpToDate(
  git: Git,
  mirror: string,
  remote: Remote,
  refs: RemoteRefs,
  signal?: AbortSignal,
): Promise<{ readonly ok: true } | GitFailed> {
  // Whoever held the lock before us may have fetched what we need.
  if (await hasAll(git, mirror, refs, signal)) return { ok: true };
  if (await exists(mirror)) {
    await removeLeftLocks(mirror);
    const fetched = await fetchInto(git, mirror, remote, signal);
    // What a broken fetch had received so far is of no use to the next one.
    if (!fetched.ok) await removeLeftLocks(mirror);
    // A fetch can succeed and still lack old objects a damaged mirror only believes to have.
    if (fetched.ok && (await hasAll(git, mirror, refs, signal))) return tidy(git, mirror, signal);
    if (!fetched.ok && fetched.code !== "mirror_corrupt" && fetched.code !== "git_failed") return fetched;
  }
  return cloneAnew(git, mirror, remote, signal);
}

async function cloneAnew(
  git: Git,
  mirror: string,
  remote: Remote,
  signal?: AbortSignal,
): Promise<{ readonly ok: true } | GitFailed> {
  await removeStaging(mirror);
  const staging = stagingOf(mirror);
  await mkdir(staging, { mode: 0o700 });
  try {
    const made = await git.run(["init", "-q", "--bare", "."], {
      cwd: staging,
      config: READABLE,
    });
    if (!made.ok) return made;
    const fetched = await fetchInto(git, staging, remote, signal);
    if (!fetched.ok) return fetched;
    await rm(mirror, { recursive: true, force: true });
    await rename(staging, mirror);
    return { ok: true };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function fetchInto(git: Git, folder: string, remote: Remote, signal?: AbortSignal): Promise<GitDone | GitFailed> {
  const { url } = remote.address;
  const refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
  return git.run(["fetch", "-q", "--prune", "--no-tags", "--no-write-fetch-head", "--", url, ...refspecs], {
    cwd: folder,
    ...towards(remote),
    timeoutMs: FETCH_TIMEOUT_MS,
    // Packs can be hard-linked into a checkout one by one; thousands of loose objects could not.
    config: [["fetch.unpackLimit", "1"], ...READABLE],
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Keeps the number of packs small, without ever dropping an object a running job may stand on. */
async function tidy(git: Git, mirror: string, signal?: AbortSignal): Promise<{ readonly ok: true }> {
  const packs = (await readdir(join(mirror, "objects", "pack"))).filter((name) => name.endsWith(".pack"));
  if (packs.length > MOST_PACKS) {
    // Not being able to tidy up harms nobody.
    await git.run(["repack", "-q", "-a", "-d", "--keep-unreachable"], {
      cwd: mirror,
      config: READABLE,
      ...(signal === undefined ? {} : { signal }),
    });
  }
  return { ok: true };
}

/** We hold the only right to write, so a `.lock` file in the mirror belongs to a git that was killed. */
async function removeLeftLocks(mirror: string): Promise<void> {
  const names = await readdir(mirror, { recursive: true }).catch(() => []);
  const left = names.filter((name) => name.endsWith(".lock") || basename(name).startsWith("tmp_pack_"));
  await Promise.all(left.map((name) => rm(join(mirror, name), { force: true })));
}

/** A name beside the mirror for what is not it yet, or no longer. */
function stagingOf(mirror: string): string {
  return `${mirror}.new-${randomBytes(6).toString("hex")}`;
}

async function removeStaging(mirror: string): Promise<void> {
  const prefix = `${basename(mirror)}.new-`;
  const names = await readdir(dirname(mirror));
  const stale = names.filter((name) => name.startsWith(prefix));
  // A git that outlived its keeper may still write there; then the next clone removes it.
  const remove = (name: string) => rm(join(dirname(mirror), name), { recursive: true, force: true });
  await Promise.allSettled(stale.map(remove));
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
