/**
 * What went wrong with git, in the few words the rest of Hive acts on: whose fault it was, whether to try again, what
 * a person should do. Git says it only in text, so the reading of that text is in this one place (LC_ALL=C keeps it in
 * English). An unknown text is `git_failed` with git's own last lines, never a guess.
 */
import type { AttemptError, FailureKind } from "@hive/core";

/** Every way an operation on a repository can fail, and whose fault that is. `system` failures are tried again. */
export const GIT_FAILURES = {
  repo_not_found: "work",
  token_needed: "work",
  token_refused: "work",
  base_not_found: "work",
  branch_moved: "work",
  push_rejected: "work",
  secret_in_diff: "work",
  merge_unfinished: "work",
  work_too_large: "work",
  objects_refused: "work",
  network: "system",
  mirror_corrupt: "system",
  disk_full: "system",
  git_timeout: "system",
  git_failed: "system",
} as const satisfies Record<string, FailureKind>;

/** Stable code of a failed operation on a repository. */
export type GitFailure = keyof typeof GIT_FAILURES;

/** True for a code of this table. */
export function isGitFailure(code: string): code is GitFailure {
  return Object.hasOwn(GIT_FAILURES, code);
}

/** A failed git command, as a value. `stderr` is git's own text without the credential. */
export interface GitFailed {
  readonly ok: false;
  /** `aborted`: our own signal cut it; there is no fault. */
  readonly code: GitFailure | "aborted";
  readonly message: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** Facts the reading needs beside the text. */
export interface FailureContext {
  /** The address it talked to; absent for a command that stayed on this machine. */
  readonly url?: string;
  /** Whether a credential was at hand. */
  readonly hadCredential: boolean;
}

const NOT_FOUND =
  /repository '[^']*' not found|Repository not found|does not appear to be a git repository|No such file or directory|repository '[^']*' does not exist|returned error: 404|not a git repository|project you were looking for could not be found/i;
const NO_LOGIN = /could not read (?:Username|Password)|terminal prompts disabled/i;
const LOGIN_REFUSED =
  /Authentication failed|HTTP Basic: Access denied|returned error: 401|Invalid username or (?:password|token)/i;
const FORBIDDEN =
  /returned error: 403|Permission to \S+ denied|Write access to repository not granted|not allowed to push|protected branch hook declined/i;
const NETWORK =
  /Could not resolve|Failed to connect|Couldn't connect|Connection (?:refused|reset|timed out|closed)|timed out|early EOF|unexpected disconnect|RPC failed|remote end hung up|returned error: (?:408|429|5\d\d)|SSL|TLS|certificate|transfer closed|Operation too slow|Empty reply|Recv failure|Send failure|HTTP\/2|curl \d+|from proxy after CONNECT|CONNECT tunnel failed/i;
const DISK = /No space left on device|Disk quota exceeded/i;
const TOO_LARGE =
  /File too large|exceeds maximum allowed size|died of signal 25|File size limit exceeded|Out of memory|malloc failed|out of memory/i;
const CORRUPT =
  /(?:object|pack|packfile|index) \S* ?(?:file )?\S* ?is (?:corrupt|empty|far too short|too small)|loose object|bad object|does not match index|cannot be accessed|inflate|unable to read (?:tree|sha1)|missing (?:blob|tree|commit)|unable to parse|fatal: bad (?:tree|config)|broken (?:ref|HEAD)|Could not read [0-9a-f]{40}|did not send all necessary objects|not a valid object|unresolved deltas|invalid (?:sha1 pointer|object|HEAD)|garbage at end|unknown index version|wrong index|bad signature|hash mismatch|reference broken/i;
const FSCK = /fsck error|error in object|fsckObjects|warning in object/i;
const BUSY = /Unable to create '[^']*\.lock'/i;

/** Reads what git wrote to stderr; the first fitting rule wins. */
export function classify(stderr: string, context: FailureContext): { code: GitFailure; message: string } {
  const where = context.url ?? "the repository";
  const said = lastWords(stderr);
  const failed = {
    code: "git_failed",
    message: said === "" ? "git failed and said nothing" : `git failed: ${said}`,
  } as const;
  if (DISK.test(stderr)) return { code: "disk_full", message: `the worker's disk is full: ${said}` };
  if (FSCK.test(stderr))
    return { code: "objects_refused", message: `the new commits hold objects git calls malformed: ${said}` };
  if (TOO_LARGE.test(stderr))
    return { code: "work_too_large", message: `the new commits are larger than allowed: ${said}` };
  if (CORRUPT.test(stderr)) return { code: "mirror_corrupt", message: `objects are missing or damaged: ${said}` };
  if (BUSY.test(stderr)) return { code: "mirror_corrupt", message: `a lock was left behind: ${said}` };
  if (context.url === undefined) return failed;
  if (NO_LOGIN.test(stderr) || LOGIN_REFUSED.test(stderr)) {
    return context.hadCredential
      ? { code: "token_refused", message: `${where} does not accept the token; give one that may read and push there` }
      : {
          code: "token_needed",
          message: `${where} does not exist or needs a login; give a githubToken, or an entry for it in repos: of hive.yaml`,
        };
  }
  if (FORBIDDEN.test(stderr)) {
    return context.hadCredential
      ? { code: "token_refused", message: `the token may not do that in ${where}: ${said}` }
      : {
          code: "token_needed",
          message: `${where} does not let anybody do that without a login; give a githubToken: ${said}`,
        };
  }
  if (/dubious ownership/.test(stderr)) {
    return {
      code: "repo_not_found",
      message: `${where} belongs to another user than the worker; give it to the worker's user`,
    };
  }
  if (NOT_FOUND.test(stderr)) {
    const hint = context.hadCredential ? "or the token cannot see it" : "or is private and no token was given";
    return { code: "repo_not_found", message: `${where} does not exist, ${hint}` };
  }
  if (NETWORK.test(stderr)) return { code: "network", message: `${where} could not be reached: ${said}` };
  return failed;
}

/** The error an attempt ends with. An aborted operation has none: the caller knows why it aborted. */
export function toAttemptError(failed: GitFailed): AttemptError {
  const code = failed.code === "aborted" ? "git_failed" : failed.code;
  return { code, kind: GIT_FAILURES[code], message: failed.message };
}

/** A failure that no git command reported. */
export function failedWith(code: GitFailure, message: string): GitFailed {
  return { ok: false, code, message, stderr: "", exitCode: null };
}

/** The lines that matter (fatal, error, what the remote said), one line, at most 500 characters, printable. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[\p{Cc}\p{Cf}]/gu, " ").trim())
    .filter((line) => line !== "" && !/^(?:hint:|remote:\s*$|From |To |Cloning into|Fetching )/.test(line));
  const telling = lines.filter((line) => /^(?:fatal|error|remote|ERROR)\b|^!/.test(line));
  const text = (telling.length > 0 ? telling : lines).slice(-6).join("; ");
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
