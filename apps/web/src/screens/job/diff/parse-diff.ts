/**
 * Reads what `git diff` prints. First only where each file begins and how much changed in it; the lines of a file are
 * read when somebody opens it, for a diff may have a million of them.
 */

export interface DiffFile {
  /** In the order of the diff, from 0. */
  readonly at: number;
  readonly path: string;
  readonly change: "added" | "deleted" | "changed" | "renamed";
  /** The path before, where that is another. */
  readonly oldPath: string | null;
  /** Such as "mode 100644 → 100755"; empty: nothing of that kind. */
  readonly about: string;
  readonly isBinary: boolean;
  readonly insertions: number;
  readonly deletions: number;
  /** All lines below the head. */
  readonly body: string;
}

export interface DiffLine {
  readonly kind: "hunk" | "same" | "added" | "removed" | "note";
  /** Numbers in the old and in the new file. */
  readonly old: number | null;
  readonly now: number | null;
  /** Without the sign. */
  readonly text: string;
}

const HEAD = "diff --git ";

/** The files of a diff. A line of a file never begins like a head: it has its sign in front. */
export function filesOf(diff: string): readonly DiffFile[] {
  const files: DiffFile[] = [];
  let from = diff.startsWith(HEAD) ? 0 : nextHead(diff, 0);
  while (from !== -1) {
    const next = nextHead(diff, from);
    files.push(fileOf(diff.slice(from, next === -1 ? undefined : next), files.length));
    from = next;
  }
  return files;
}

function nextHead(diff: string, from: number): number {
  const found = diff.indexOf(`\n${HEAD}`, from);
  return found === -1 ? -1 : found + 1;
}

function fileOf(section: string, at: number): DiffFile {
  const firstHunk = section.indexOf("\n@@ ");
  const head = (firstHunk === -1 ? section : section.slice(0, firstHunk)).split("\n");
  const body = firstHunk === -1 ? "" : section.slice(firstHunk + 1);
  const said = (start: string): string | null =>
    head.find((line) => line.startsWith(start))?.slice(start.length) ?? null;
  const paths = pathsOf(head[0] ?? "", said("--- "), said("+++ "), said("rename from "), said("rename to "));
  const isNew = said("new file mode ") !== null;
  const isGone = said("deleted file mode ") !== null;
  const [oldMode, newMode] = [said("old mode "), said("new mode ")];
  const change = isNew ? "added" : isGone ? "deleted" : paths.old === paths.now ? "changed" : "renamed";
  return {
    at,
    path: isGone ? paths.old : paths.now,
    change,
    oldPath: change === "renamed" ? paths.old : null,
    about: oldMode !== null && newMode !== null ? `mode ${oldMode} → ${newMode}` : "",
    isBinary: said("Binary files ") !== null || said("GIT binary patch") !== null,
    ...countsOf(body),
    body,
  };
}

function pathsOf(first: string, before: string | null, after: string | null, from: string | null, to: string | null) {
  const given = (path: string | null): string | null => {
    if (path === null) return null;
    const name = unquoted(path.replace(/\t$/, ""));
    return name === "/dev/null" ? null : name.replace(/^[ab]\//, "");
  };
  // Without lines or a rename only the head names it, twice the same: `a/x b/x`.
  const both = first.slice(HEAD.length);
  const half = both.startsWith('"')
    ? given(/^"(?:[^"\\]|\\.)*"/.exec(both)?.[0] ?? both)
    : given(both.slice(0, (both.length - 1) / 2));
  const old = (from === null ? null : unquoted(from)) ?? given(before) ?? given(after) ?? half ?? both;
  const now = (to === null ? null : unquoted(to)) ?? given(after) ?? given(before) ?? half ?? both;
  return { old, now };
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, "\\": 92 };

/** A path as git quotes it where it has other than plain letters: bytes in octal. */
function unquoted(path: string): string {
  if (!path.startsWith('"') || !path.endsWith('"') || path.length < 2) return path;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part] of path.slice(1, -1).matchAll(/\\[0-7]{3}|\\.|[^\\]+/gs)) {
    if (!part.startsWith("\\")) bytes.push(...encoder.encode(part));
    else if (part.length === 4) bytes.push(Number.parseInt(part.slice(1), 8));
    else bytes.push(ESCAPES[part.charAt(1)] ?? part.charCodeAt(1));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

const PLUS = 43;
const MINUS = 45;

function countsOf(body: string): { readonly insertions: number; readonly deletions: number } {
  let insertions = 0;
  let deletions = 0;
  for (let from = 0; from < body.length; ) {
    const sign = body.charCodeAt(from);
    if (sign === PLUS) insertions += 1;
    else if (sign === MINUS) deletions += 1;
    const end = body.indexOf("\n", from);
    if (end === -1) break;
    from = end + 1;
  }
  return { insertions, deletions };
}

/** The first `most` lines of a file's part. */
export function linesOf({ body }: DiffFile, most: number): readonly DiffLine[] {
  const lines: DiffLine[] = [];
  let old = 0;
  let now = 0;
  for (let from = 0; from < body.length && lines.length < most; ) {
    const end = body.indexOf("\n", from);
    const line = body.slice(from, end === -1 ? undefined : end);
    from = end === -1 ? body.length : end + 1;
    const text = line.slice(1);
    if (line.startsWith("@@ ")) {
      const [, oldStart = "0", newStart = "0"] = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(line) ?? [];
      old = Number(oldStart);
      now = Number(newStart);
      lines.push({ kind: "hunk", old: null, now: null, text: line });
    } else if (line.startsWith("+")) lines.push({ kind: "added", old: null, now: now++, text });
    else if (line.startsWith("-")) lines.push({ kind: "removed", old: old++, now: null, text });
    else if (line.startsWith("\\")) lines.push({ kind: "note", old: null, now: null, text: text.trim() });
    else lines.push({ kind: "same", old: old++, now: now++, text });
  }
  return lines;
}
