/** Hive's one comment on an issue: found by its mark, written where it is not there, else changed. Through the guard. */

import { z } from "zod";
import type { GuardedClient, GuardedReply } from "../../guard/request.ts";
import type { Guard } from "../../guard/guard.ts";

const TIMEOUT_MS = 20_000;
const MAX_BYTES = 8 * 1_048_576;
/** So many that a page is within the limit, each with a text as long as GitHub takes. */
const PAGE = 30;
/** Comments beyond these are not searched: then a second one is written. */
const MOST_PAGES = 34;

const commentSchema = z.object({ id: z.int(), body: z.string().nullish() });

/** An issue, and the key to it. */
export interface IssueTarget {
  /** Such as `https://api.github.com`: the operator's own setting. */
  readonly apiUrl: string;
  readonly token: string;
  /** `owner/name`. */
  readonly name: string;
  readonly number: number;
}

/** GitHub did not take it. `retryAfterMs` null: not now and not later. */
export class IssueRefused extends Error {
  override readonly name = "IssueRefused";
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Makes the comment with `mark` say `text`. `known`: its id, where it is known. Gives its id.
 * @throws IssueRefused
 */
export async function writeComment(
  parts: { readonly guard: Guard; readonly client: GuardedClient },
  target: IssueTarget,
  { text, mark, known }: { readonly text: string; readonly mark: string; readonly known: number | null },
): Promise<number> {
  const { name, number } = target;
  const issue = `/repos/${name}/issues/${number}/comments`;
  let id = known;
  if (id === null) {
    const found = await findComment(parts, target, issue, mark);
    if (found?.body === text) return found.id;
    id = found?.id ?? null;
  }
  if (id !== null) {
    const changed = await ask(parts, target, "PATCH", `/repos/${name}/issues/comments/${id}`, { body: text });
    if (changed.status === 200) return id;
    // Somebody deleted it: they did not want to read it, but how it ended is news.
    if (changed.status !== 404) throw refused(changed, "change its comment");
  }
  const made = await ask(parts, target, "POST", issue, { body: text });
  const parsed = commentSchema.safeParse(readJson(made.body));
  if (made.status !== 201 || !parsed.success) throw refused(made, "comment");
  return parsed.data.id;
}

/** The earliest: a copy of the mark can only be later. */
async function findComment(
  parts: { readonly guard: Guard; readonly client: GuardedClient },
  target: IssueTarget,
  issue: string,
  mark: string,
): Promise<z.output<typeof commentSchema> | null> {
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const listed = await ask(parts, target, "GET", `${issue}?per_page=${PAGE}&page=${page}`, null);
    const parsed = z.array(commentSchema).safeParse(readJson(listed.body));
    if (listed.status !== 200 || !parsed.success) throw refused(listed, "read its comments");
    // GitHub keeps lines as they were sent, its page makes them CRLF.
    const found = parsed.data.find(({ body }) => body?.trimEnd().endsWith(mark));
    if (found !== undefined) return found;
    if (parsed.data.length < PAGE) return null;
  }
  return null;
}

type Answered = Extract<GuardedReply, { readonly ok: true }>;

async function ask(
  { guard, client }: { readonly guard: Guard; readonly client: GuardedClient },
  target: IssueTarget,
  method: "GET" | "POST" | "PATCH",
  path: string,
  body: object | null,
): Promise<Answered> {
  const checked = guard.checkUrl(target.apiUrl + path, { what: "source", trusted: true });
  if (!checked.ok) throw new IssueRefused(checked.message, null);
  const reply = await client.request({
    url: checked.url,
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${target.token}`,
      "content-type": "application/json",
      "user-agent": "hive",
      "x-github-api-version": "2022-11-28",
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    timeoutMs: TIMEOUT_MS,
    maxResponseBytes: MAX_BYTES,
    trusted: true,
  });
  if (!reply.ok) throw new IssueRefused(reply.message, reply.reason === "refused" ? null : RETRY_MS);
  return reply;
}

const RETRY_MS = 60_000;

function refused({ status, headers }: Answered, action: string): IssueRefused {
  const message = `GitHub answered ${status}: Hive could not ${action} on the issue`;
  const asked = Number(headers["retry-after"] ?? Number.NaN);
  const limited = status === 429 || (status === 403 && headers["x-ratelimit-remaining"] === "0");
  if (limited || (status === 403 && Number.isFinite(asked)) || status >= 500) {
    return new IssueRefused(message, Number.isFinite(asked) ? asked * 1_000 : RETRY_MS);
  }
  return new IssueRefused(
    status === 403 || status === 404 ? `${message}; the repository's credential needs "Issues: write"` : message,
    null,
  );
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}
