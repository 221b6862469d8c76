/**
 * What an attempt changed, read only from the supervisor's clean repository: the patch people look at, its numbers, the
 * files, and an id that stays the same when the same change is made on another base.
 */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CleanWork } from "./collect.ts";
import type { GitFailed } from "./failure.ts";
import type { Git, GitDone } from "./git.ts";

/** One file of a change. */
export interface ChangedFile {
  readonly path: string;
  readonly status: "added" | "modified" | "deleted" | "type_changed";
  /** Null for binary files. */
  readonly insertions: number | null;
  readonly deletions: number | null;
  /** Git's mode after the change, such as 100644, 120000 (a link) or 160000 (another repository). */
  readonly mode: string;
}

/** What changed between two commits. */
export interface Change {
  readonly ok: true;
  readonly from: string;
  readonly to: string;
  /** True when there is nothing to publish. */
  readonly noChanges: boolean;
  /** `git patch-id --stable`; null when there is no text to take it from. */
  readonly patchId: string | null;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number };
  /** The first 2,000 files; `diffStat.files` counts all. */
  readonly files: readonly ChangedFile[];
  /** Unified diff; cut with a marker line where it is longer than allowed. */
  readonly patch: string;
  readonly patchCut: boolean;
  readonly warnings: readonly string[];
}

/** Bounds of what is shown of a change. */
export interface ChangeLimits {
  /** Bytes of the patch that are kept. Default: 2 MiB. */
  readonly patchBytes: number;
  /** Bytes of the patch that are looked at; a larger change is refused. Default: 256 MiB. */
  readonly diffBytes: number;
}

export const DEFAULT_CHANGE_LIMITS: ChangeLimits = { patchBytes: 2 * 1024 * 1024, diffBytes: 256 * 1024 * 1024 };

const MOST_FILES = 2_000;
const DIFF = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--full-index"];
const STATUS = { A: "added", M: "modified", D: "deleted", T: "type_changed" } as const;

/** Compares the work with the commit it started from. */
export async function describeChange(
  git: Git,
  work: CleanWork,
  from: string,
  limits: Partial<ChangeLimits> = {},
  signal?: AbortSignal,
): Promise<Change | GitFailed> {
  const call = { cwd: work.folder, ...(signal === undefined ? {} : { signal }) };
  const to = work.commit;
  const raw = await git.run([...DIFF, "--raw", "--numstat", "-z", from, to, "--"], call);
  if (!raw.ok) return raw;
  const listed = readListing(raw.stdout);
  const same = listed.files.length === 0 && (from === to || (await isAncestor(git, work, from, to)));
  if (same) {
    const diffStat = { files: 0, insertions: 0, deletions: 0 };
    return {
      ok: true,
      from,
      to,
      noChanges: true,
      patchId: null,
      diffStat,
      files: [],
      patch: "",
      patchCut: false,
      warnings: [],
    };
  }
  const { patchBytes, diffBytes } = { ...DEFAULT_CHANGE_LIMITS, ...limits };
  const file = join(work.folder, "work.diff");
  let kept = Buffer.alloc(0);
  let total = 0;
  const handle = await open(file, "w", 0o600);
  const save = async (chunk: Uint8Array): Promise<void> => {
    total += chunk.byteLength;
    if (kept.byteLength < patchBytes) kept = Buffer.concat([kept, chunk.subarray(0, patchBytes - kept.byteLength)]);
    await handle.write(chunk);
  };
  let written: GitDone | GitFailed;
  try {
    written = await git.run([...DIFF, from, to, "--"], { ...call, maxOutputBytes: diffBytes, onStdout: save });
  } finally {
    await handle.close();
  }
  if (!written.ok) return written;
  const identified = await git.script('exec git patch-id --stable < "$1"', [file], call);
  await rm(file, { force: true });
  return {
    ok: true,
    from,
    to,
    noChanges: false,
    patchId: identified.ok ? (/^[0-9a-f]{40,64}/.exec(identified.stdout)?.[0] ?? null) : null,
    ...listed,
    files: listed.files.slice(0, MOST_FILES),
    patch: total > patchBytes ? cutPatch(kept, total) : kept.toString("utf8"),
    patchCut: total > patchBytes,
    warnings: [...work.warnings, ...pointerWarnings(listed.files)],
  };
}

async function isAncestor(git: Git, work: CleanWork, from: string, to: string): Promise<boolean> {
  return (await git.run(["merge-base", "--is-ancestor", from, to], { cwd: work.folder })).ok;
}

/** Reads `--raw --numstat -z`: first all raw records, then all numbers, in the same order. */
function readListing(text: string): Pick<Change, "files" | "diffStat"> {
  const parts = text.split("\0");
  const records: { path: string; status: ChangedFile["status"]; mode: string }[] = [];
  const numbers = new Map<string, { insertions: number | null; deletions: number | null }>();
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] ?? "";
    const raw = /^:\d{6} (\d{6}) [0-9a-f]+ [0-9a-f]+ ([AMDT])/.exec(part);
    if (raw) {
      index += 1;
      const letter = raw[2] as keyof typeof STATUS;
      records.push({ path: parts[index] ?? "", status: STATUS[letter], mode: raw[1] ?? "" });
      continue;
    }
    const counted = /^(\d+|-)\t(\d+|-)\t(.*)$/s.exec(part);
    if (counted) numbers.set(counted[3] ?? "", { insertions: toCount(counted[1]), deletions: toCount(counted[2]) });
  }
  const files = records.map((record) => ({
    ...record,
    ...(numbers.get(record.path) ?? { insertions: null, deletions: null }),
  }));
  const sum = (of: "insertions" | "deletions"): number => files.reduce((total, file) => total + (file[of] ?? 0), 0);
  return { files, diffStat: { files: files.length, insertions: sum("insertions"), deletions: sum("deletions") } };
}

function toCount(text: string | undefined): number | null {
  return text === undefined || text === "-" ? null : Number(text);
}

// Cut at a line's end, so that what is shown is still a readable patch.
function cutPatch(kept: Buffer, total: number): string {
  const end = kept.lastIndexOf(10);
  const whole = kept.subarray(0, end < 0 ? kept.byteLength : end + 1).toString("utf8");
  return `${whole}[hive] patch cut: ${total} bytes in all, the first ${end + 1} are shown\n`;
}

/** A repository inside the repository is committed as a bare pointer; its content would be lost without a word. */
function pointerWarnings(files: readonly ChangedFile[]): string[] {
  return files
    .filter((file) => file.mode === "160000" && file.status === "added")
    .map(
      (file) =>
        `${file.path} is a git repository of its own: only a pointer to its commit is in the branch, not its files`,
    );
}
