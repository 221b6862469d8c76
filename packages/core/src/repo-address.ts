/**
 * Reads a repository's address as a person or a program wrote it, and says no in words that help. Git understands far
 * more addresses than we may hand it (`ext::` runs a program, `--upload-pack=…` is an option, `file:///` reads this
 * machine), so only https, and http and file where the operator allows them, come out of here, in one canonical form
 * and without credentials.
 */

/** What the operator allows beyond https. */
export interface RepoAddressRules {
  /** Whether `file://` addresses are taken. */
  readonly allowFile: boolean;
  /** Whether plain http is taken from this host (a name or an IP address, without port and brackets). */
  readonly allowPlainHttp: (host: string) => boolean;
}

/** Why an address was refused; stable. */
export type RepoAddressProblem =
  | "empty"
  | "too_long"
  | "bad_characters"
  | "option"
  | "ssh"
  | "no_scheme"
  | "scheme"
  | "file_not_allowed"
  | "http_not_allowed"
  | "credentials"
  | "query"
  | "path"
  | "host";

/** An address Hive can work with. */
export interface RepoAddress {
  readonly ok: true;
  readonly kind: "https" | "http" | "file";
  /** Host with its port if that is not the usual one; empty for `file`. */
  readonly host: string;
  /** Path without the leading slash and, except for `file`, without `.git`: `owner/name` on a forge. */
  readonly path: string;
  /** What git is given. Never holds credentials. Keeps `.git` where it was written, for plain servers need it. */
  readonly url: string;
  /** The same for every spelling of one repository: `github.com/owner/name`, `file:/srv/name.git`. */
  readonly key: string;
}

/** A refused address. `message` names it (without credentials) and says what to write instead. */
export interface RefusedRepoAddress {
  readonly ok: false;
  readonly code: RepoAddressProblem;
  readonly message: string;
}

const MAX_LENGTH = 2048;
const SHOWN_LENGTH = 200;
const GITHUB = "github.com";

/** Reads an address; see {@link RepoAddress} for what comes out. Never throws. */
export function parseRepoAddress(raw: string, rules: RepoAddressRules): RepoAddress | RefusedRepoAddress {
  const shown = showAddress(raw);
  const refuse = (code: RepoAddressProblem, message: string): RefusedRepoAddress => ({ ok: false, code, message });

  if (raw.trim() === "") return refuse("empty", "repo is empty; write it as https://github.com/owner/name");
  if (raw.length > MAX_LENGTH) return refuse("too_long", `repo "${shown}" is longer than ${MAX_LENGTH} characters`);
  if (/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\"'`<>{}|^]/u.test(raw)) {
    return refuse(
      "bad_characters",
      `repo "${shown}" holds a character that no repository address has (white space, quotes, a backslash, control or invisible characters); write it as https://host/owner/name`,
    );
  }
  if (raw.startsWith("-")) {
    return refuse("option", `repo "${shown}" looks like an option of git; write it as https://host/owner/name`);
  }
  if (/^[A-Za-z0-9+.-]+::/.test(raw)) {
    return refuse(
      "scheme",
      `repo "${shown}" names a git remote helper, which could run a program; write it as https://host/owner/name`,
    );
  }

  const ssh = readSsh(raw, shown);
  if (ssh) {
    return refuse(
      "ssh",
      `repo "${shown}" is an SSH address and Hive has no SSH key; write ${ssh} and give a githubToken if it is private`,
    );
  }

  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(raw)?.[1]?.toLowerCase();
  if (scheme === undefined) return refuse("no_scheme", `repo "${shown}" has no https:// in front; ${suggestUrl(raw)}`);
  if (scheme === "file") return readFileAddress(raw, shown, rules, refuse);
  if (scheme !== "https" && scheme !== "http") {
    return refuse(
      "scheme",
      `repo "${shown}" begins with ${scheme}://, which Hive does not clone from; write it as https://host/owner/name`,
    );
  }
  return readWebAddress(raw, shown, rules, refuse);
}

/** An address for people's eyes: no credentials, no control characters, at most 200 characters. */
export function showAddress(raw: string): string {
  const visible = raw.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "?");
  const [, scheme = "", rest = ""] = /^((?:[a-z][a-z0-9+.-]*:\/\/+)?)(.*)$/is.exec(visible) ?? [];
  // User and password end at the last @ of what comes before the first slash. A password may itself hold a slash, and
  // malformed input may hold anything: where it smells of a password, showing too little is the safe mistake.
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const hasUser = authority.includes("@") || /:(?!\d*$)/.test(authority);
  const bare = scheme + (hasUser ? rest.slice(rest.lastIndexOf("@") + 1) : rest);
  const open = bare.replace(/[?#].*$/s, (query) => `${query.charAt(0)}…`);
  return open.length > SHOWN_LENGTH ? `${open.slice(0, SHOWN_LENGTH)}…` : open;
}

type Refuse = (code: RepoAddressProblem, message: string) => RefusedRepoAddress;

function readWebAddress(
  raw: string,
  shown: string,
  rules: RepoAddressRules,
  refuse: Refuse,
): RepoAddress | RefusedRepoAddress {
  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    return refuse("host", `repo "${shown}" has no host that can be read; write it as https://host/owner/name`);
  }
  const kind = url.protocol === "http:" ? "http" : "https";
  if (url.username !== "" || url.password !== "" || /^[a-z]+:\/*[^/?#]*@/i.test(raw)) {
    return refuse(
      "credentials",
      `repo "${shown}" was sent with a user or password in it; leave them out and send the token as githubToken`,
    );
  }
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(raw)) {
    return refuse("query", `repo "${shown}" has a ? or # part; leave it out`);
  }
  const path = cleanPath(raw.replace(/^[a-z]+:\/*[^/]*/i, ""));
  if (path === null) {
    return refuse(
      "path",
      `repo "${shown}" has no plain path to a repository; write it as ${kind}://${url.host}/owner/name`,
    );
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const host = url.host;
  const name = path.replace(/\.git$/i, "");
  if (name === "" || name.endsWith("/")) {
    return refuse("path", `repo "${shown}" names no repository; write it as ${kind}://${host}/owner/name`);
  }
  if (host === GITHUB || host === `www.${GITHUB}`) return readGitHub(kind, name, shown, refuse);
  if (kind === "http" && !rules.allowPlainHttp(hostname)) {
    return refuse(
      "http_not_allowed",
      `repo "${shown}" uses plain http, which would send its token unprotected; write https://${host}/${path}, or name the host's address in HIVE_ALLOW_PRIVATE_ADDRESSES`,
    );
  }
  return { ok: true, kind, host, path: name, url: `${kind}://${host}/${path}`, key: `${host}/${name}` };
}

function readGitHub(
  kind: "https" | "http",
  path: string,
  shown: string,
  refuse: Refuse,
): RepoAddress | RefusedRepoAddress {
  const [owner, name, ...more] = path.split("/");
  if (owner === undefined || name === undefined) {
    return refuse("path", `repo "${shown}" names no repository; write it as https://${GITHUB}/owner/name`);
  }
  const url = `https://${GITHUB}/${owner}/${name}`;
  if (more.length > 0) {
    return refuse(
      "path",
      `repo "${shown}" is a page of a repository; write ${url}, and a branch as "branch" or "base"`,
    );
  }
  if (kind === "http") return refuse("http_not_allowed", `repo "${shown}" uses plain http; write ${url}`);
  // GitHub takes every spelling of a name for the same repository; other hosts may not.
  return {
    ok: true,
    kind,
    host: GITHUB,
    path: `${owner}/${name}`,
    url,
    key: `${GITHUB}/${owner}/${name}`.toLowerCase(),
  };
}

function readFileAddress(
  raw: string,
  shown: string,
  rules: RepoAddressRules,
  refuse: Refuse,
): RepoAddress | RefusedRepoAddress {
  if (!rules.allowFile) {
    return refuse(
      "file_not_allowed",
      `repo "${shown}" is a folder of the server, and this server does not clone those; write https://host/owner/name, or start the server with HIVE_ALLOW_FILE_REPOS=1`,
    );
  }
  const path = /^file:\/\/\/(?!\/)/i.test(raw) && !/[?#%]/.test(raw) ? cleanPath(raw.slice("file://".length)) : null;
  if (path === null) {
    return refuse("path", `repo "${shown}" is no absolute path of a folder; write it as file:///srv/git/name.git`);
  }
  return { ok: true, kind: "file", host: "", path, url: `file:///${path}`, key: `file:/${path}` };
}

/** The path without slashes at its ends; null if it is empty or could mean something else to git, a server or a shell. */
function cleanPath(path: string): string | null {
  const trimmed = path.replace(/^\//, "").replace(/\/+$/, "");
  if (trimmed === "" || !/^[\p{L}\p{N}\p{M}._~@+,=:()!$&*;%/-]+$/u.test(trimmed)) return null;
  // Escapes are for characters such as a space in a project's name; an escaped dot, slash or control would hide a path.
  if (/%(?![0-9A-Fa-f]{2})/.test(trimmed) || /%(?:[01][0-9A-Fa-f]|2[EeFf]|5[Cc]|7[Ff])/.test(trimmed)) return null;
  const segments = trimmed.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".." || segment.startsWith("-")))
    return null;
  return trimmed;
}

/** The https address an SSH-style one stands for, or null when it is none. Built from `shown`, which holds no password. */
function readSsh(raw: string, shown: string): string | null {
  if (/^(?:git\+)?ssh:/i.test(raw)) {
    const full = /^(?:git\+)?ssh:\/\/(\[[^\]]*\]|[^:/]+)(?::\d*)?\/(.+)$/i.exec(shown);
    return full?.[1] !== undefined && full[2] !== undefined ? httpsForm(full[1], full[2]) : "https://host/owner/name";
  }
  // git's short form is [user@]host:path, and is one only if no slash comes before the colon.
  if (!/^[^/]*:(?!\/\/)/.test(raw)) return null;
  const short = /^([A-Za-z0-9.-]+):(?!\/\/)(.+)$/.exec(shown);
  if (!short?.[1] || !short[2] || !(raw.includes("@") || short[1].includes("."))) return null;
  return httpsForm(short[1], short[2]);
}

function httpsForm(host: string, path: string): string {
  return `https://${host.toLowerCase()}/${path
    .replace(/^[/~]+/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/i, "")}`;
}

function suggestUrl(raw: string): string {
  const bare = showAddress(raw)
    .replace(/^\/+|\/+$/g, "")
    .replace(/\.git$/i, "");
  if (raw.startsWith("/") || raw.startsWith(".")) {
    return raw.startsWith("/")
      ? `write it as file://${showAddress(raw)} (if the server allows it)`
      : "write the whole address";
  }
  if (/^[\w-]+(\.[\w-]+)+(:\d+)?\/.+/.test(bare)) return `write https://${bare}`;
  if (/^[\w.-]+\/[\w.-]+$/.test(bare)) return `write https://${GITHUB}/${bare} if it is on GitHub`;
  return "write it as https://host/owner/name";
}
