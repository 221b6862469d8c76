/**
 * Labels and reviewers of a pull request. The work is pushed and its pull request open by now, so what GitHub refuses
 * here is told and fails nothing.
 */

import { createClient, explain, type GitHubTarget } from "./github.ts";

/** What a pull request should have beside its text. */
export interface PullRequestExtras {
  readonly target: GitHubTarget;
  readonly number: number;
  /** Only those it does not have. */
  readonly labels: readonly string[];
  /** User names, and teams as `org/team`; only those who are not asked yet. */
  readonly reviewers: readonly string[];
  readonly signal?: AbortSignal;
}

/** Adds them; answers what was refused, in words for a person. */
export async function addExtras(extras: PullRequestExtras): Promise<readonly string[]> {
  return [...(await addLabels(extras)), ...(await askForReview(extras))];
}

async function addLabels({ target, number, labels, signal }: PullRequestExtras): Promise<readonly string[]> {
  if (labels.length === 0) return [];
  const { owner, repo } = target;
  try {
    // GitHub makes labels that do not exist.
    await createClient(target, signal).rest.issues.addLabels({
      owner,
      repo,
      issue_number: number,
      labels: [...labels],
    });
    return [];
  } catch (error) {
    return [`no labels: ${explain(error, target, "add labels", signal).message}`];
  }
}

async function askForReview(extras: PullRequestExtras): Promise<readonly string[]> {
  const { reviewers, signal } = extras;
  if (reviewers.length === 0) return [];
  const all = await request(extras, reviewers);
  if (all === null) return [];
  if (reviewers.length === 1 || signal?.aborted === true) return [`no review of ${reviewers.join(", ")}: ${all}`];
  // One name that cannot be asked makes GitHub refuse them all.
  const refused: string[] = [];
  for (const reviewer of reviewers) {
    const one = await request(extras, [reviewer]);
    if (one !== null) refused.push(`no review of ${reviewer}: ${one}`);
  }
  return refused;
}

/** Null: they are asked. */
async function request(
  { target, number, signal }: PullRequestExtras,
  names: readonly string[],
): Promise<string | null> {
  const { owner, repo } = target;
  const team = (name: string): string | undefined => name.split("/")[1];
  try {
    await createClient(target, signal).rest.pulls.requestReviewers({
      owner,
      repo,
      pull_number: number,
      reviewers: names.filter((name) => team(name) === undefined),
      team_reviewers: names.flatMap((name) => team(name) ?? []),
    });
    return null;
  } catch (error) {
    return explain(error, target, "ask for a review", signal).message;
  }
}
