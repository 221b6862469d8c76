/**
 * One question to GitHub's REST API, as a poll asks it: with the tag of what is known, so that an answer without news
 * costs nothing of the rate limit, and with the limit itself respected as GitHub asks.
 */

import type { z } from "zod";
import type { PollTools } from "../contract.ts";
import { TryLater } from "../try-later.ts";

/** A page of a hundred, each with a text as long as GitHub takes: 65,536 characters, of up to 4 bytes. */
const MAX_BYTES = 32 * 1_048_576;
const TIMEOUT_MS = 20_000;
/** GitHub's advice where a refusal says nothing of how long. */
const PAUSE_MS = 60_000;
/** Of the hour's questions so many are left to jobs, which open their pull requests with the same account. */
const RESERVE = 50;

/** GitHub wants no questions for so long. Not an error: the poll ends here and goes on later. */
export class RateLimited extends TryLater {
  override readonly name = "RateLimited";
  readonly waitMs: number;
  constructor(waitMs: number) {
    super(`GitHub's rate limit is used up for ${Math.ceil(waitMs / 1000)} s`);
    this.waitMs = waitMs;
  }
}

/** GitHub knows no such thing, or shows it to nobody with this token. */
export class NotThere extends Error {
  override readonly name = "NotThere";
}

/** What GitHub answered. */
export type GitHubAnswer<T> =
  | { readonly news: false }
  | { readonly news: true; readonly data: T; readonly etag: string | null };

/** Asks one GitHub as one account. */
export interface GitHubCaller {
  /**
   * `path` begins with a slash. `etag`: of the answer that is known.
   * @throws RateLimited, TryLater, NotThere; or an error for people that says what was asked and what was answered
   */
  get<T>(path: string, schema: z.ZodType<T>, etag?: string | null): Promise<GitHubAnswer<T>>;
  /** How long GitHub wants to be left alone by what it last said; null: it said nothing of the kind. */
  pause(): number | null;
}

/** `token`: null for a public repository that is read by nobody in particular. */
export function createGitHubCaller(
  apiUrl: string,
  token: string | null,
  tools: Pick<PollTools, "fetch" | "now">,
): GitHubCaller {
  let pauseMs: number | null = null;
  return {
    async get(path, schema, etag = null) {
      const asked = tools.fetch(apiUrl + path, {
        headers: {
          accept: "application/vnd.github+json",
          "user-agent": "hive",
          "x-github-api-version": "2022-11-28",
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(etag === null ? {} : { "if-none-match": etag }),
        },
        maxBytes: MAX_BYTES,
        timeoutMs: TIMEOUT_MS,
      });
      const { status, headers, body } = await asked.catch((cause: unknown) => {
        throw new TryLater(cause instanceof Error ? cause.message : String(cause), { cause });
      });
      const waitMs = rateLimitWait(status, headers, tools.now);
      if (waitMs !== null) throw new RateLimited(waitMs);
      const left = Number(headers.get("x-ratelimit-remaining") ?? Number.NaN);
      if (left < RESERVE) pauseMs = untilReset(headers, tools.now) ?? PAUSE_MS;
      if (status === 304) return { news: false };
      if (status >= 500) throw new TryLater(refusal(path, status, body));
      if (status === 404) throw new NotThere(refusal(path, status, body));
      if (status !== 200) throw new Error(refusal(path, status, body));
      const parsed = schema.safeParse(readJson(body));
      if (!parsed.success) throw new Error(`GET ${path}: GitHub answered something else than expected`);
      return { news: true, data: parsed.data, etag: headers.get("etag") };
    },
    pause: () => pauseMs,
  };
}

function rateLimitWait(status: number, headers: Headers, now: number): number | null {
  if (status !== 403 && status !== 429) return null;
  const asked = Number(headers.get("retry-after") ?? Number.NaN);
  if (Number.isFinite(asked)) return Math.max(1_000, asked * 1000);
  if (headers.get("x-ratelimit-remaining") === "0") return untilReset(headers, now) ?? PAUSE_MS;
  return status === 429 ? PAUSE_MS : null;
}

function untilReset(headers: Headers, now: number): number | null {
  const seconds = Number(headers.get("x-ratelimit-reset") ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(1_000, seconds * 1000 - now) : null;
}

function refusal(path: string, status: number, body: Buffer): string {
  const said = readJson(body);
  const message = typeof said === "object" && said !== null && "message" in said ? ` (${String(said.message)})` : "";
  const hint =
    status === 401
      ? "; give the source a valid token"
      : status === 403 || status === 404
        ? "; the source's token needs to read issues, pull requests, checks and who collaborates"
        : "";
  return `GET ${path}: GitHub answered ${status}${message.slice(0, 200)}${hint}`;
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}
