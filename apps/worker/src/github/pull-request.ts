/**
 * A draft pull request for a pushed branch. It is looked for by its head before it is created, so that a lost answer, a
 * retry or a second round of the same job never opens a second one; whoever pushed the branch may call this any number
 * of times.
 */
import type { Octokit } from "@octokit/rest";
import { createClient, explain, type GitHubFailed, type GitHubTarget, readAnswer } from "./github.ts";

/** A pull request to be there at the end. */
export interface PullRequestOptions {
  readonly target: GitHubTarget;
  /** The pushed branch. */
  readonly head: string;
  /** Where it should be merged. */
  readonly base: string;
  readonly title: string;
  /** See {@link describeWork}. */
  readonly body: string;
  readonly signal?: AbortSignal;
}

/** The pull request that is there now. */
export interface PullRequest {
  readonly ok: true;
  readonly number: number;
  readonly url: string;
  readonly draft: boolean;
  /** False when it was there before. */
  readonly created: boolean;
}

const MOST_TITLE = 200;
const MOST_BODY = 60_000;

/** Finds the open pull request of a branch, or creates it as a draft. */
export async function openPullRequest(options: PullRequestOptions): Promise<PullRequest | GitHubFailed> {
  const { target, signal } = options;
  const client = createClient(target, signal);
  try {
    const found = await find(client, options);
    if (found) return found;
    try {
      return await create(client, options, true);
    } catch (error) {
      const answer = readAnswer(error);
      // Not every plan has drafts for private repositories; an ordinary pull request is better than none.
      if (answer.status === 422 && /draft pull requests? (?:are|is) not supported/i.test(answer.message)) {
        return await create(client, options, false);
      }
      // Somebody was faster, or our own earlier call took effect and its answer was lost.
      const there =
        answer.status === 422 || answer.status === null || answer.status >= 500 ? await find(client, options) : null;
      if (there) return there;
      throw error;
    }
  } catch (error) {
    return explain(error, target, "open a pull request", signal);
  }
}

/** The text of a pull request: what was done, in the author's words as plain Markdown, and where to follow it. */
export function describeWork(work: {
  readonly jobId: string;
  readonly jobUrl: string;
  readonly summary: string | null;
  readonly diffStat: { readonly files: number; readonly insertions: number; readonly deletions: number } | null;
}): string {
  const stat = work.diffStat;
  const changed = stat === null ? "" : `${stat.files} files changed, +${stat.insertions} −${stat.deletions}. `;
  const foot = `---\n${changed}Made by [Hive job ${escapeMarkdown(work.jobId)}](${encodeURI(work.jobUrl)}).`;
  return `${tame(work.summary ?? "No summary was given.")}\n\n${foot}`;
}

async function find(client: Octokit, options: PullRequestOptions): Promise<PullRequest | null> {
  const { target, head, base } = options;
  const { owner, repo } = target;
  const { data } = await client.rest.pulls.list({
    owner,
    repo,
    head: `${owner}:${head}`,
    state: "open",
    per_page: 100,
  });
  // A server that does not know the branch may ignore the filter and list everything.
  const own = data.filter((pull) => pull.head.ref === head);
  const pull = own.find((one) => one.base.ref === base) ?? own[0];
  return pull === undefined
    ? null
    : { ok: true, number: pull.number, url: pull.html_url, draft: pull.draft ?? false, created: false };
}

async function create(client: Octokit, options: PullRequestOptions, draft: boolean): Promise<PullRequest> {
  const { target, head, base } = options;
  const { owner, repo } = target;
  const title = oneLine(options.title);
  const body = options.body.length > MOST_BODY ? `${options.body.slice(0, MOST_BODY)}\n\n(cut)` : options.body;
  const { data } = await client.rest.pulls.create({ owner, repo, head, base, title, body, draft });
  return { ok: true, number: data.number, url: data.html_url, draft: data.draft ?? false, created: true };
}

function oneLine(title: string): string {
  const line = title.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  if (line === "") return "Work by Hive";
  return line.length > MOST_TITLE ? `${line.slice(0, MOST_TITLE)}…` : line;
}

/**
 * An agent's summary is outside text: it must not call people by @name, close issues ("fixes #1" still links, but only
 * a merge by a person closes), hide text in comments or load images from elsewhere.
 */
function tame(summary: string): string {
  return summary
    .replace(/[\p{Cf}\u0000-\u0008\u000b-\u001f\u007f]/gu, "")
    .replace(/<!--[\s\S]*?(?:-->|$)/g, "")
    .replace(/!\[/g, "[")
    .replace(/</g, "&lt;")
    .replace(/@(?=[A-Za-z0-9])/g, "@\u200b")
    .trim();
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]()<>#]/g, "\\$&");
}
