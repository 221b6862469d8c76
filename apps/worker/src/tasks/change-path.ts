/** Which paths a `changes` job may name: plain, relative, inside the repository and not git's own. */

/** What is wrong with a path, as the end of a sentence that begins with it; null if it may be used. */
export function checkChangePath(path: string): string | null {
  if (path === "" || path.length > 1_024) return "must have 1 to 1024 characters";
  if (/[\0-\x1f\x7f]/.test(path)) return "must not contain control characters";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "must be relative to the repository";
  if (path.includes("\\")) return "must use / between folders";
  const names = path.split("/");
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    return 'must not have empty parts, "." or ".."';
  }
  if (names.some(isGitFolder)) return "must not lead into .git";
  return null;
}

// On other file systems ".GIT", ".git " or "git~1" are the same folder, and some characters vanish: git refuses to
// check such names out, so they would only break somebody's clone.
function isGitFolder(name: string): boolean {
  const plain = name
    .normalize("NFKC")
    .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "")
    .replace(/[. ]+$/, "")
    .toLowerCase();
  return plain === ".git" || plain === "git~1" || plain.startsWith(".git:");
}
