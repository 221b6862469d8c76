/**
 * Which names a branch may have. A name that git would read as an option, a range, another ref or a path outside the
 * branches must never reach a command line, so this is `git check-ref-format --branch` as a pure rule, and stricter
 * where git allows what only confuses people (`refs/heads/x`, `@`, names too long for a file). A property test compares
 * it with git itself.
 */

/** A name that may be used: `ref` is its full form, the only one handed to git. */
export interface BranchName {
  readonly ok: true;
  readonly name: string;
  readonly ref: string;
}

/** A refused name; `message` names it and says what is wrong. */
export interface RefusedBranchName {
  readonly ok: false;
  readonly message: string;
}

/** Longest branch name in bytes of UTF-8: a branch is a file, a file name has 255 bytes, and git adds `.lock`. */
export const MAX_BRANCH_BYTES = 244;

const PREFIX = "refs/heads/";

/** Judges a branch's name, written without `refs/heads/`. Never throws. */
export function checkBranchName(name: string): BranchName | RefusedBranchName {
  const problem = findProblem(name);
  if (problem === null) return { ok: true, name, ref: PREFIX + name };
  return { ok: false, message: `branch "${showName(name)}" ${problem}` };
}

/**
 * The branch a job pushes to when it names none: `hive/<jobId>`. Ids that are no branch names (`a:b`, `a..b`, `a.lock`)
 * are rewritten and get a short mark, so that two ids never share a branch.
 */
export function defaultBranchName(jobId: string): string {
  // `hive/salvage/…` is a folder of branches, and git cannot have a branch of the same name beside it.
  return `hive/${jobId === "salvage" ? markedSegment(jobId) : branchSegment(jobId)}`;
}

/** Where the work of one attempt is kept that could not be published: `hive/salvage/<jobId>/<fence>`. */
export function salvageBranchName(jobId: string, fence: number): string {
  return `hive/salvage/${branchSegment(jobId)}/${fence}`;
}

function branchSegment(text: string): string {
  const plain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && text.length <= 200;
  return plain && checkBranchName(`hive/${text}`).ok ? text : markedSegment(text);
}

function markedSegment(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 150);
  return `${plain}-${fnv1a(text).toString(16).padStart(16, "0")}`;
}

/** FNV-1a, 64 bits: only tells ids apart, protects nothing. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

function findProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (!name.isWellFormed()) return "is not valid Unicode";
  if (new TextEncoder().encode(name).byteLength > MAX_BRANCH_BYTES) return `is longer than ${MAX_BRANCH_BYTES} bytes`;
  if (name.startsWith("-")) return "begins with a dash, which git would take for an option";
  if (name === "HEAD") return "is git's word for the current commit; name a branch";
  if (name === "@") return "is git's short form of HEAD; name a branch";
  if (name.startsWith("refs/")) {
    return name.startsWith(PREFIX)
      ? `has "${PREFIX}" in front; write only what comes after it`
      : 'begins with "refs/"; write the name of a branch';
  }
  if (/[\u0000-\u0020\u007f]/.test(name)) return "holds a space or a control character";
  const special = /[~^:?*[\\]/.exec(name);
  if (special) return `holds "${special[0]}", which git does not allow in a branch`;
  if (name.includes("..")) return 'holds "..", which git reads as a range';
  if (name.includes("@{")) return 'holds "@{", which git reads as an earlier state';
  if (name.endsWith(".")) return "ends with a dot";
  for (const part of name.split("/")) {
    if (part === "") return "has an empty part (a slash at an end, or two in a row)";
    if (part.startsWith(".")) return `has a part that begins with a dot ("${showName(part)}")`;
    if (part.endsWith(".lock")) return `has a part that ends with ".lock" ("${showName(part)}")`;
  }
  return null;
}

function showName(name: string): string {
  const visible = name.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
  return visible.length > 100 ? `${visible.slice(0, 100)}…` : visible;
}
