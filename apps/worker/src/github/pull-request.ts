/**
 * A pull request for a pushed branch. It is looked for by its head before it is created, so that a lost answer, a
 * retry or a second round of the same job never opens a second one; whoever pushed the branch may call this any number
 * of times. One that is there gets the new text, as far as people left the old one alone.
 */

import type { Octokit } from "@octokit/rest";
import { createClient, explain, type GitHubFailed, type GitHubTarget, readAnswer } from "./github.ts";
import {
  describeAgain,
  describeWork,
  isEdited,
  type PullRequestText,
  type WorkDescription,
} from "./pull-request-text.ts";

/** A pull request to be there at the end. */
export interface PullRequestOptions {
  readonly target: GitHubTarget;
  /** The pushed branch. */
  readonly head: string;
  /** Where it should be merged. */
  readonly base: string;
  /** What it tells. */
  readonly work: WorkDescription;
  /** Whether a new one is a draft, where the repository has drafts. */
  readonly draft: boolean;
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
  readonly labels: readonly string[];
  /** Users and, as `org/team`, teams who are asked for a review and have not given it. */
  readonly asked: readonly string[];
}

/** One that was there, with its text. */
interface Found {
  readonly pull: PullRequest;
  readonly text: PullRequestText;
}

/** What became of the text of a pull request that was there. `theirs`: people changed it, so it stays. */
export type TextUpdate = { readonly ok: true; readonly end: "as_it_should_be" | "updated" | "theirs" } | GitHubFailed;

/** Finds the open pull request of a branch, or creates it. */
export async function openPullRequest(options: PullRequestOptions): Promise<PullRequest | GitHubFailed> {
  const { target, signal } = options;
  const client = createClient(target, signal);
  try {
    const found = await find(client, options);
    if (found) return found.pull;
    try {
      return await create(client, options, options.draft);
    } catch (error) {
      const answer = readAnswer(error);
      // Not every plan has drafts for private repositories; an ordinary pull request is better than none.
      if (answer.status === 422 && /draft pull requests? (?:are|is) not supported/i.test(answer.message)) {
        return await create(client, options, false);
      }
      // Somebody was faster, or our own earlier call took effect and its answer was lost.
      const there =
        answer.status === 422 || answer.status === null || answer.status >= 500 ? await find(client, options) : null;
      if (there) return there.pull;
      throw error;
    }
  } catch (error) {
    return explain(error, target, "open a pull request", signal);
  }
}

/** Gives the pull request of a branch, which is there, the text of this round; see `describeAgain`. */
export async function updatePullRequest(options: PullRequestOptions): Promise<TextUpdate> {
  const { target, signal } = options;
  const client = createClient(target, signal);
  try {
    const found = await find(client, options);
    if (found === null) return { ok: true, end: "as_it_should_be" };
    const wanted = describeAgain(found.text, options.work);
    const theirs = isEdited(found.text);
    if (wanted !== null) {
      const { owner, repo } = target;
      // Only what changes is sent: what somebody writes meanwhile in the other is not taken back.
      const title = wanted.title === found.text.title ? {} : { title: wanted.title };
      const body = wanted.body === found.text.body ? {} : { body: wanted.body };
      await client.rest.pulls.update({ owner, repo, pull_number: found.pull.number, ...title, ...body });
    }
    return { ok: true, end: theirs ? "theirs" : wanted === null ? "as_it_should_be" : "updated" };
  } catch (error) {
    return explain(error, target, "change the pull request", signal);
  }
}

/** The number of the open pull request of a branch; null: it has none. */
export async function findPullRequest(
  options: Pick<PullRequestOptions, "target" | "head" | "base" | "signal">,
): Promise<{ readonly ok: true; readonly number: number | null } | GitHubFailed> {
  const { target, signal } = options;
  try {
    const found = await find(createClient(target, signal), options);
    return { ok: true, number: found?.pull.number ?? null };
  } catch (error) {
    return explain(error, target, "list pull requests", signal);
  }
}

async function find(
  client: Octokit,
  options: Pick<PullRequestOptions, "target" | "head" | "base">,
): Promise<Found | null> {
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
  if (pull === undefined) return null;
  return { pull: facts(pull, owner, false), text: { title: pull.title, body: pull.body ?? "" } };
}

async function create(client: Octokit, options: PullRequestOptions, draft: boolean): Promise<PullRequest> {
  const { target, head, base } = options;
  const { owner, repo } = target;
  const { title, body } = describeWork(options.work);
  const { data } = await client.rest.pulls.create({ owner, repo, head, base, title, body, draft });
  return facts(data, owner, true);
}

/** What the short and the whole form of a pull request have in common. */
interface Shown {
  readonly number: number;
  readonly html_url: string;
  readonly draft?: boolean | undefined;
  readonly labels: readonly { readonly name: string }[];
  readonly requested_reviewers?: readonly { readonly login: string }[] | null | undefined;
  readonly requested_teams?: readonly { readonly slug: string }[] | null | undefined;
}

function facts(pull: Shown, owner: string, created: boolean): PullRequest {
  return {
    ok: true,
    number: pull.number,
    url: pull.html_url,
    draft: pull.draft ?? false,
    created,
    labels: pull.labels.map((label) => label.name),
    asked: [
      ...(pull.requested_reviewers ?? []).map((user) => user.login),
      ...(pull.requested_teams ?? []).map((team) => `${owner}/${team.slug}`),
    ],
  };
}
