/**
 * Talking to a GitHub, the public one or an Enterprise server: which repositories are on it, and what its refusals
 * mean. A refusal names the permission that is missing, because "403" has cost people days.
 */
import { Octokit } from "@octokit/rest";
import type { AttemptError, RepoAddress } from "@hive/core";

/** A repository on a GitHub, and the key to it. */
export interface GitHubTarget {
  /** Such as `https://api.github.com` or `https://ghe.example.com/api/v3`. */
  readonly apiUrl: string;
  readonly token: string;
  readonly owner: string;
  readonly repo: string;
  /** How it is reached. Default: the network. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A refused or failed call, as a value. */
export interface GitHubFailed {
  readonly ok: false;
  /** `pr_refused`, `token_refused` and `repo_not_found` are for a person; the others are tried again. */
  readonly code: "pr_refused" | "token_refused" | "repo_not_found" | "github_rate_limit" | "github_failed" | "aborted";
  readonly kind: "work" | "system";
  readonly message: string;
  /** Milliseconds to wait before trying again, where GitHub said so. */
  readonly retryAfterMs: number | null;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
}

const CALL_TIMEOUT_MS = 30_000;

/** The host whose repositories an API serves: `github.com` for the public API, the server itself for Enterprise. */
export function gitHostOf(apiUrl: string): string {
  const { host } = new URL(apiUrl);
  // api.github.com and, with data residency, api.NAME.ghe.com.
  return /^api\.(?:github\.com|[^.]+\.ghe\.com)$/.test(host) ? host.slice("api.".length) : host;
}

/** Owner and name if the repository is on the GitHub with this API; else null. */
export function findOnGitHub(
  address: RepoAddress,
  apiUrl: string,
): { readonly owner: string; readonly repo: string } | null {
  if (address.kind === "file" || address.host !== gitHostOf(apiUrl)) return null;
  const [owner, repo, ...more] = address.path.split("/");
  return owner !== undefined && repo !== undefined && more.length === 0 ? { owner, repo } : null;
}

/** A client for one repository's GitHub. It logs nothing: headers hold the token. */
export function createClient(target: Pick<GitHubTarget, "apiUrl" | "token" | "fetch">, signal?: AbortSignal): Octokit {
  const deadline = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const silent = (): void => {};
  return new Octokit({
    auth: target.token,
    baseUrl: target.apiUrl.replace(/\/+$/, ""),
    userAgent: "hive",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: {
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      ...(target.fetch === undefined ? {} : { fetch: target.fetch }),
    },
  });
}

/** The error an attempt ends with. */
export function toGitHubError(failed: GitHubFailed): AttemptError {
  return {
    code: failed.code === "aborted" ? "github_failed" : failed.code,
    kind: failed.kind,
    message: failed.message,
  };
}

/** What a failed call means. `action` is what was tried, such as `open a pull request`. */
export function explain(error: unknown, target: GitHubTarget, action: string, signal?: AbortSignal): GitHubFailed {
  const where = `${gitHostOf(target.apiUrl)}/${target.owner}/${target.repo}`;
  const answer = readAnswer(error);
  const fail = (code: GitHubFailed["code"], message: string, retryAfterMs: number | null = null): GitHubFailed => {
    const kind = code === "github_rate_limit" || code === "github_failed" || code === "aborted" ? "system" : "work";
    return {
      ok: false,
      code,
      kind,
      message: message.replaceAll(target.token, "***"),
      retryAfterMs,
      status: answer.status,
    };
  };
  if (signal?.aborted === true) return fail("aborted", "stopped");
  const { status, headers, message } = answer;
  if (status === null) return fail("github_failed", `${where}: could not ${action}, GitHub did not answer: ${message}`);
  const waitMs = rateLimitWait(answer);
  if (waitMs !== null) return fail("github_rate_limit", `${where}: GitHub's rate limit is used up; ${message}`, waitMs);
  if (status === 401)
    return fail("token_refused", `${where}: GitHub does not accept the token (${message}); give a valid one`);
  if (status === 403)
    return fail("pr_refused", `${where}: the token may not ${action} (${message})${namePermission(headers)}`);
  if (status === 404) {
    return fail(
      "repo_not_found",
      `${where}: GitHub shows the token no such repository; it needs access to it${namePermission(headers)}`,
    );
  }
  if (status === 422) return fail("pr_refused", `${where}: GitHub refuses to ${action}: ${message}`);
  return fail(
    "github_failed",
    `${where}: could not ${action}, GitHub answered ${status}: ${message}`,
    retryAfter(headers),
  );
}

interface FailedAnswer {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** What went wrong, from whatever was thrown: octokit's RequestError has a status and an answer, a broken line neither. */
export function readAnswer(error: unknown): FailedAnswer {
  const root = asRecord(error);
  const response = asRecord(root.response);
  const message = typeof root.message === "string" ? root.message : String(error);
  // Octokit reports a connection that failed as status 500 without an answer.
  const status = typeof root.status === "number" && root.response !== undefined ? root.status : null;
  const details = asRecord(response.data).errors;
  const said = asRecord(response.data).message;
  const words = [said, ...(Array.isArray(details) ? details.map((one) => asRecord(one).message) : [])];
  const text = words.filter((word) => typeof word === "string" && word !== "").join(": ");
  return { status, headers: asRecord(response.headers), message: (text === "" ? message : text).slice(0, 500) };
}

function rateLimitWait({ status, headers, message }: FailedAnswer): number | null {
  if (status !== 403 && status !== 429) return null;
  const asked = retryAfter(headers);
  const isUsedUp = headers["x-ratelimit-remaining"] === "0";
  if (!(status === 429 || asked !== null || isUsedUp || /rate limit|abuse detection/i.test(message))) return null;
  if (asked !== null) return asked;
  const resetAt = Number(headers["x-ratelimit-reset"]) * 1000;
  // GitHub's advice where it says nothing: at least a minute.
  return isUsedUp && Number.isFinite(resetAt) ? Math.max(1_000, resetAt - Date.now()) : 60_000;
}

function retryAfter(headers: FailedAnswer["headers"]): number | null {
  const seconds = Number(headers["retry-after"]);
  return headers["retry-after"] !== undefined && Number.isFinite(seconds) ? seconds * 1000 : null;
}

/** `pull_requests=write` in the header becomes "needs Pull requests: write"; classic tokens have scopes instead. */
function namePermission(headers: FailedAnswer["headers"]): string {
  const accepted = headers["x-accepted-github-permissions"];
  if (typeof accepted === "string" && accepted !== "") {
    const names = accepted.split(/[;,]\s*/).map((one) => {
      const [name = "", level = ""] = one.split("=");
      const words = name.replaceAll("_", " ");
      return `"${words.charAt(0).toUpperCase()}${words.slice(1)}: ${level}"`;
    });
    return `; the token needs the permission ${names.join(" and ")}`;
  }
  const has = headers["x-oauth-scopes"];
  const needs = headers["x-accepted-oauth-scopes"];
  if (typeof has === "string") {
    const wanted = typeof needs === "string" && needs !== "" ? needs : "repo";
    return `; the token has the scopes "${has}" and needs one of "${wanted}"`;
  }
  return "";
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
