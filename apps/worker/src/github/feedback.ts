/**
 * What was said about a pull request: reviews, comments on lines, the conversation, and checks that failed. Anybody can
 * write at a public pull request, so people count only if GitHub knows them as part of the repository, and what they
 * say is data for an agent all the same.
 */

import type { Octokit } from "@octokit/rest";
import { createClient, explain, type GitHubFailed, type GitHubTarget } from "./github.ts";

/** One thing that was said. */
export interface FeedbackItem {
  /** Who or what says it, and where: one line. */
  readonly head: string;
  readonly text: string;
  /** ISO 8601; the empty string where there is none. */
  readonly at: string;
}

/** All that was said that counts. */
export interface Feedback {
  readonly ok: true;
  /** By people, oldest first. */
  readonly said: readonly FeedbackItem[];
  /** Checks of the branch's head that failed. */
  readonly failed: readonly FeedbackItem[];
  /** What could not be read, in words for a person: a token may see reviews and no checks. */
  readonly unread: readonly string[];
}

/** What to read. */
export interface FeedbackOptions {
  readonly target: GitHubTarget;
  readonly number: number;
  /** The head of the pull request's branch: its checks are asked for, and older comments are told from newer ones. */
  readonly commit: string;
  readonly signal?: AbortSignal;
}

/** What GitHub calls somebody who belongs to the repository. https://docs.github.com/en/graphql/reference/enums#commentauthorassociation */
const OURS: ReadonlySet<string> = new Set(["OWNER", "MEMBER", "COLLABORATOR"]);
const FAILURES: ReadonlySet<string> = new Set(["failure", "timed_out", "action_required", "startup_failure"]);
const PAGE = 100;
const MOST_PAGES = 10;
const MOST_ANNOTATED = 10;
const MOST_ANNOTATIONS = 20;

/** Reads it, as GitHub has it now. */
export async function readFeedback(options: FeedbackOptions): Promise<Feedback | GitHubFailed> {
  const { target, signal } = options;
  const client = createClient(target, signal);
  try {
    const said = [
      ...(await readReviews(client, options)),
      ...(await readLines(client, options)),
      ...(await readConversation(client, options)),
    ].sort((one, two) => (one.at < two.at ? -1 : one.at > two.at ? 1 : 0));
    const unread: string[] = [];
    const optional = async (what: string, read: () => Promise<FeedbackItem[]>): Promise<FeedbackItem[]> => {
      try {
        return await read();
      } catch (error) {
        const failed = explain(error, target, `read ${what}`, signal);
        if (failed.kind === "system") throw error;
        unread.push(failed.message);
        return [];
      }
    };
    const runs = await optional("checks", () => readRuns(client, options));
    const statuses = await optional("statuses", () => readStatuses(client, options));
    return { ok: true, said, failed: [...runs, ...statuses], unread };
  } catch (error) {
    return explain(error, target, "read the pull request's feedback", signal);
  }
}

async function readReviews(client: Octokit, options: FeedbackOptions): Promise<FeedbackItem[]> {
  const reviews = await pages((page) =>
    client.rest.pulls.listReviews({ ...ofPull(options), pull_number: options.number, ...page }),
  );
  return reviews.flatMap((review) => {
    const isWithdrawn = review.state === "PENDING" || review.state === "DISMISSED";
    if (isWithdrawn || review.body.trim() === "" || !OURS.has(review.author_association)) return [];
    const verdict = review.state.toLowerCase().replaceAll("_", " ");
    const when = whenOf(review.submitted_at, review.commit_id, options);
    return [
      { head: `Review by ${nameOf(review)} (${verdict})${when}`, text: review.body, at: review.submitted_at ?? "" },
    ];
  });
}

async function readLines(client: Octokit, options: FeedbackOptions): Promise<FeedbackItem[]> {
  const comments = await pages((page) =>
    client.rest.pulls.listReviewComments({ ...ofPull(options), pull_number: options.number, ...page }),
  );
  return comments.flatMap((comment) => {
    if (comment.body.trim() === "" || !OURS.has(comment.author_association)) return [];
    const line = comment.line ?? null;
    const place = line === null ? `${comment.path}, a line that is gone` : `${comment.path} line ${line}`;
    const when = whenOf(comment.created_at, comment.original_commit_id, options);
    return [{ head: `Comment by ${nameOf(comment)} on ${place}${when}`, text: comment.body, at: comment.created_at }];
  });
}

async function readConversation(client: Octokit, options: FeedbackOptions): Promise<FeedbackItem[]> {
  const comments = await pages((page) =>
    client.rest.issues.listComments({ ...ofPull(options), issue_number: options.number, ...page }),
  );
  return comments.flatMap((comment) => {
    const text = comment.body ?? "";
    const isHidden = "minimized" in comment && comment.minimized !== null;
    if (isHidden || text.trim() === "" || !OURS.has(comment.author_association)) return [];
    const when = whenOf(comment.created_at, null, options);
    return [{ head: `Comment by ${nameOf(comment)}${when}`, text, at: comment.created_at }];
  });
}

async function readRuns(client: Octokit, options: FeedbackOptions): Promise<FeedbackItem[]> {
  const { owner, repo } = options.target;
  const { data } = await client.rest.checks.listForRef({ owner, repo, ref: options.commit, per_page: PAGE });
  const failed = data.check_runs.filter((run) => FAILURES.has(run.conclusion ?? ""));
  return Promise.all(
    failed.map(async (run, index) => {
      const { title, summary, text, annotations_count: count } = run.output;
      const notes = count > 0 && index < MOST_ANNOTATED ? await annotations(client, options, run.id) : [];
      const words = [title, summary, text, ...notes].filter((word) => word !== null && word.trim() !== "");
      const head = `Check "${run.name}": ${run.conclusion?.replaceAll("_", " ")}`;
      return { head, text: [...new Set(words)].join("\n"), at: run.completed_at ?? "" };
    }),
  );
}

async function annotations(client: Octokit, { target }: FeedbackOptions, check_run_id: number): Promise<string[]> {
  const { owner, repo } = target;
  const { data } = await client.rest.checks.listAnnotations({ owner, repo, check_run_id, per_page: MOST_ANNOTATIONS });
  return data.map((note) => `${note.path} line ${note.start_line}: ${note.message ?? ""}`);
}

async function readStatuses(client: Octokit, options: FeedbackOptions): Promise<FeedbackItem[]> {
  const { owner, repo } = options.target;
  const { data } = await client.rest.repos.getCombinedStatusForRef({
    owner,
    repo,
    ref: options.commit,
    per_page: PAGE,
  });
  return data.statuses
    .filter(({ state }) => state === "failure" || state === "error")
    .map(({ context, state, description, updated_at: at }) => ({
      head: `Status "${context}": ${state}`,
      text: description ?? "",
      at,
    }));
}

function ofPull({ target }: FeedbackOptions): { readonly owner: string; readonly repo: string } {
  return { owner: target.owner, repo: target.repo };
}

/** All pages of a list, within reason. */
async function pages<T>(
  ask: (page: { readonly per_page: number; readonly page: number }) => Promise<{ readonly data: readonly T[] }>,
): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const { data } = await ask({ per_page: PAGE, page });
    all.push(...data);
    if (data.length < PAGE) break;
  }
  return all;
}

function nameOf({ user }: { readonly user?: { readonly login: string } | null | undefined }): string {
  return user?.login ?? "somebody";
}

function whenOf(at: string | undefined, commit: string | null, options: FeedbackOptions): string {
  const day = at === undefined ? "" : `, ${at}`;
  if (commit === null) return day;
  return commit === options.commit ? `${day}, at the branch as it is` : `${day}, before the last push`;
}
