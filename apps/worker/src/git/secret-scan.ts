/**
 * Looks for secrets in everything a push would publish: each line any new commit adds (a secret that a later commit
 * removes is published all the same), file names and commit messages. The job's own secrets are found in the encodings
 * programs commonly put them in; others by the formats of well-known tokens. A finding names the place, never the value.
 */
import type { CleanWork } from "./collect.ts";
import { failedWith, type GitFailed } from "./failure.ts";
import type { Git } from "./git.ts";

/** Where a secret was found. */
export interface SecretFinding {
  /** A path, or `commit message`. */
  readonly file: string;
  readonly line: number;
  /** Such as `a GitHub token` or `a secret of this job`. */
  readonly what: string;
}

const MOST_FINDINGS = 20;
const SCAN_BYTES = 1024 * 1024 * 1024;
const SHORTEST_SECRET = 6;
// Lines are scanned whole up to this length; longer ones in pieces that overlap by more than any secret is long.
const PIECE = 1024 * 1024;
const OVERLAP = 16 * 1024;

const FORMATS: readonly (readonly [string, RegExp])[] = [
  ["a GitHub token", /\b(?:gh[pour]_[A-Za-z0-9]{36,}|ghs_[A-Za-z0-9._-]{36,}|github_pat_[A-Za-z0-9_]{50,})/g],
  ["a GitLab token", /\bgl(?:pat|dt|rt|cbt|ptt|agent)-[A-Za-z0-9_-]{20,}/g],
  ["an Anthropic key", /\bsk-ant-[A-Za-z0-9_-]{24,}/g],
  ["an OpenAI key", /\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}/g],
  ["an AWS access key", /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g],
  ["a Google API key", /\bAIza[0-9A-Za-z_-]{35}/g],
  ["a Slack token", /\bxox[abeprs]-[0-9A-Za-z-]{20,}/g],
  ["a Stripe key", /\b[rs]k_live_[0-9A-Za-z]{24,}/g],
  ["an npm token", /\bnpm_[A-Za-z0-9]{36}\b/g],
  ["a PyPI token", /\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{40,}/g],
  ["a Hugging Face token", /\bhf_[A-Za-z]{34}\b/g],
  ["a Fly.io token", /\bfm[12]_[A-Za-z0-9+/=_-]{60,}/g],
  ["a private key", /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/g],
];
const OWN = "a secret of this job";
/** The usual mark for a line that only looks like a secret. It does not excuse the job's own. */
const ALLOW_MARK = "gitleaks:allow";

/**
 * Scans all commits of the work that the remote does not have. `known` are commits it has; `secrets` the job's own.
 * Work too large to be scanned is refused rather than published unseen.
 */
export async function scanForSecrets(
  git: Git,
  work: CleanWork,
  known: Iterable<string>,
  secrets: readonly string[],
  signal?: AbortSignal,
): Promise<{ readonly ok: true; readonly findings: readonly SecretFinding[] } | GitFailed> {
  const scanner = createScanner(secrets);
  const range = `${work.commit}\n${[...known].map((commit) => `^${commit}\n`).join("")}`;
  const call = {
    cwd: work.folder,
    stdin: range,
    maxOutputBytes: SCAN_BYTES,
    ...(signal === undefined ? {} : { signal }),
  };
  // -a: binary files too. -c: of a merge only what is in none of its parents.
  const diff = ["-p", "-a", "-c", "-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--format="];
  const patches = await git.run(["log", ...diff, "--stdin"], { ...call, onStdout: (chunk) => scanner.patch(chunk) });
  if (!patches.ok) return tooLarge(patches);
  scanner.endOfPatch();
  const messages = await git.run(["log", "--format=%an%n%ae%n%cn%n%ce%n%B", "--stdin"], {
    ...call,
    onStdout: (chunk) => scanner.message(chunk),
  });
  if (!messages.ok) return tooLarge(messages);
  return { ok: true, findings: scanner.findings() };
}

/** The same text with every secret replaced by `***`: for a patch that must not be pushed but should not be lost. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const needle of needlesOf(secrets)) hidden = hidden.replaceAll(needle, "***");
  for (const [, format] of FORMATS) hidden = hidden.replace(format, "***");
  return hidden;
}

/** Reads a stream of patches with no context (`-U0`), and a stream of messages; exported for its own test. */
export function createScanner(secrets: readonly string[]) {
  const needles = needlesOf(secrets);
  const found = new Map<string, SecretFinding>();
  let file = "";
  let line = 0;
  // How many lines of the hunk are still to come: content may look like a header, a count cannot be fooled.
  let oldLeft = 0;
  let newLeft = 0;
  let parents = 1;
  let messageLine = 1;

  const look = (text: string, where: string, at: number): void => {
    if (found.size >= MOST_FINDINGS) return;
    const what = needles.some((needle) => text.includes(needle)) ? OWN : formatOf(text);
    if (what !== null) found.set(`${where}\0${at}\0${what}`, { file: where, line: at, what });
  };

  const patchLine = (text: string, goesOn: boolean): void => {
    if (parents === 1 ? oldLeft > 0 || newLeft > 0 : newLeft > 0 || isDeletion(text, parents)) {
      if (text.startsWith("\\")) return;
      if (parents === 1 && oldLeft > 0) {
        if (!goesOn) oldLeft -= 1;
        return;
      }
      if (parents > 1 && isDeletion(text, parents)) return;
      look(text, file, line);
      if (goesOn) return;
      newLeft -= 1;
      line += 1;
      return;
    }
    if (text.startsWith("diff --")) {
      parents = 1;
      look(text, "a file's name", 1);
    } else if (text.startsWith("+++ ")) file = readPath(text.slice(4));
    else if (text.startsWith("@@")) {
      const hunk = readHunk(text);
      ({ parents, oldLeft, newLeft, line } = hunk);
    }
  };

  const patchLines = createLines(patchLine);
  const messageLines = createLines((text, goesOn) => {
    look(text, "commit message", messageLine);
    if (!goesOn) messageLine += 1;
  });
  return {
    patch: (chunk: Uint8Array): void => patchLines.write(chunk),
    endOfPatch: (): void => patchLines.end(),
    message: (chunk: Uint8Array): void => messageLines.write(chunk),
    findings: (): readonly SecretFinding[] => {
      messageLines.end();
      return [...found.values()];
    },
  };
}

function formatOf(text: string): string | null {
  for (const [what, format] of FORMATS) {
    for (const [value] of text.matchAll(format)) {
      // Placeholders of documents: ghp_xxxxxxxx…, AKIAIOSFODNN7EXAMPLE.
      const isExample = value.endsWith("EXAMPLE") || new Set(value.slice(5)).size < 8;
      if (!isExample && !text.includes(ALLOW_MARK)) return what;
    }
  }
  return null;
}

/** Every way a secret of the job may be written down. */
function needlesOf(secrets: readonly string[]): string[] {
  const needles = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SHORTEST_SECRET) continue;
    const bytes = Buffer.from(secret, "utf8");
    needles.add(bytes.toString("latin1"));
    needles.add(JSON.stringify(secret).slice(1, -1));
    needles.add(encodeURIComponent(secret));
    needles.add(bytes.toString("hex"));
    needles.add(bytes.toString("hex").toUpperCase());
    // Base64 of a longer text shows the secret in one of three shapes, by where it begins; its edges mix with the
    // neighbours and are left out.
    for (const shift of [0, 1, 2]) {
      const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString("base64")
        .replace(/=+$/, "");
      const end = (shift + bytes.byteLength) % 3 === 0 ? encoded.length : encoded.length - 1;
      const inner = encoded.slice(shift === 0 ? 0 : shift + 1, end);
      needles.add(inner);
      needles.add(inner.replaceAll("+", "-").replaceAll("/", "_"));
    }
  }
  return [...needles];
}

function readHunk(text: string): { parents: number; oldLeft: number; newLeft: number; line: number } {
  const parents = (/^@+/.exec(text)?.[0].length ?? 2) - 1;
  const old = /-\d+(?:,(\d+))?/.exec(text);
  const next = /\+(\d+)(?:,(\d+))?/.exec(text);
  return {
    parents,
    oldLeft: parents === 1 ? Number(old?.[1] ?? 1) : 0,
    newLeft: Number(next?.[2] ?? 1),
    line: Number(next?.[1] ?? 1),
  };
}

function isDeletion(text: string, parents: number): boolean {
  const marks = text.slice(0, parents);
  return parents > 1 && /^[ -]+$/.test(marks) && marks.includes("-");
}

/** The path of a `+++ b/…` header, without git's quotes. */
function readPath(text: string): string {
  const bare = text.replace(/\t$/, "");
  const unquoted = bare.startsWith('"')
    ? Buffer.from(
        bare
          .slice(1, -1)
          .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
          .replace(/\\(.)/g, "$1"),
        "latin1",
      ).toString("utf8")
    : bare;
  return unquoted.replace(/^b\//, "").replace(/\p{Cc}/gu, "?");
}

/** Cuts bytes into lines; a very long line comes in overlapping pieces, `goesOn` true for all but its last. */
function createLines(take: (text: string, goesOn: boolean) => void) {
  let rest = "";
  return {
    write(chunk: Uint8Array): void {
      const parts = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) take(part, false);
      if (rest.length > PIECE) {
        take(rest, true);
        rest = rest.slice(-OVERLAP);
      }
    },
    end(): void {
      if (rest !== "") take(rest, false);
      rest = "";
    },
  };
}

function tooLarge(failed: GitFailed): GitFailed {
  return failed.code === "work_too_large"
    ? failedWith("work_too_large", "the new commits are too large to be checked for secrets")
    : failed;
}
