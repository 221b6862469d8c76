/**
 * Work in a file: what waits for a person's approval, and what could not be pushed. A bundle is made from the clean
 * repository only and carries in its ref's name where the work began and where the branch was expected, so that the
 * hash a person approved covers those too.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { DEFAULT_COLLECT_LIMITS, FSCK_CONFIG, makeCleanRepository, type CleanWork, WORK_REF } from "./collect.ts";
import { failedWith, type GitFailed } from "./failure.ts";
import type { Git } from "./git.ts";
import type { Mirror } from "./mirror.ts";

/** A bundle that was written. */
export interface BundleFile {
  readonly ok: true;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A bundle that was read back: the work, and what it was made against. */
export interface OpenedBundle {
  readonly ok: true;
  readonly work: CleanWork;
  readonly baseCommit: string;
  readonly expectedOld: string;
}

const REF = /^refs\/hive\/work\/([0-9a-f]{40}(?:[0-9a-f]{24})?)\/([0-9a-f]{40}(?:[0-9a-f]{24})?)$/;

/** Writes the work's commits that `baseCommit` does not have. */
export async function writeBundle(
  git: Git,
  work: CleanWork,
  origin: { readonly baseCommit: string; readonly expectedOld: string },
  file: string,
  signal?: AbortSignal,
): Promise<BundleFile | GitFailed> {
  const call = { cwd: work.folder, ...(signal === undefined ? {} : { signal }) };
  const ref = `${WORK_REF}/${origin.baseCommit}/${origin.expectedOld}`;
  // The plain ref has to make room: git keeps a ref and a folder of the same name apart.
  const renamed = await git.script(
    'git update-ref -d "$1" && git update-ref "$2" "$3"',
    [WORK_REF, ref, work.commit],
    call,
  );
  if (!renamed.ok) return renamed;
  const written = await git.run(["bundle", "create", "-q", file, ref, `^${origin.baseCommit}`], call);
  if (!written.ok) return written;
  return { ok: true, file, bytes: (await stat(file)).size, sha256: await hashFile(file) };
}

/**
 * Opens an approved bundle in a new clean repository inside `folder`. Refused unless its hash is `sha256`. Its objects
 * are checked again: the file was stored elsewhere in between.
 */
export async function openBundle(
  git: Git,
  mirror: Mirror,
  bundle: { readonly file: string; readonly sha256: string },
  folder: string,
  signal?: AbortSignal,
): Promise<OpenedBundle | GitFailed> {
  const actual = await hashFile(bundle.file);
  if (actual !== bundle.sha256) {
    return failedWith(
      "objects_refused",
      `the bundle is not the approved one: its SHA-256 is ${actual}, approved was ${bundle.sha256}`,
    );
  }
  const clean = await makeCleanRepository(git, folder, mirror.folder);
  if (!clean.ok) return clean;
  const call = { cwd: clean.folder, ...(signal === undefined ? {} : { signal }) };
  const listed = await git.run(["bundle", "list-heads", bundle.file], call);
  if (!listed.ok) return listed;
  const [commit = "", ref = ""] = listed.stdout.trim().split(" ");
  const named = REF.exec(ref);
  if (!named?.[1] || !named[2]) return failedWith("objects_refused", "the bundle was not made by Hive");
  const fetched = await git.run(
    ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--", bundle.file, `${ref}:${WORK_REF}`],
    {
      ...call,
      protocols: ["file"],
      config: FSCK_CONFIG,
      limits: { fileBytes: DEFAULT_COLLECT_LIMITS.packBytes, memoryBytes: DEFAULT_COLLECT_LIMITS.memoryBytes },
    },
  );
  if (!fetched.ok) {
    if (!/prerequisite/.test(fetched.stderr)) return fetched;
    return failedWith(
      "base_not_found",
      `the commit the work began at (${named[1].slice(0, 12)}) is no longer in the repository`,
    );
  }
  const work: CleanWork = { ok: true, folder: clean.folder, commit, warnings: [] };
  return { ok: true, work, baseCommit: named[1], expectedOld: named[2] };
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
