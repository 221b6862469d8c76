import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

const GROUP_OR_OTHERS_WRITE = 0o022;

/**
 * Whether only root can change what is at this absolute path: it, and all folders above it, are root's and writable by
 * nobody else. The rule by which the Gemini CLI believes settings of the system (also /tmp, with its sticky bit, fails).
 */
export function isRootsAlone(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { uid, mode } = statSync(at);
    if (uid !== 0 || (mode & GROUP_OR_OTHERS_WRITE) !== 0 || lstatSync(at).uid !== 0) return false;
    if (dirname(at) === at) return true;
  }
}
