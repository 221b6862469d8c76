/**
 * What a token may do in a repository, found out without changing anything: for `hive doctor`, so that a missing
 * permission is known before an agent has worked for an hour.
 */
import { createClient, explain, type GitHubFailed, type GitHubTarget, readAnswer } from "./github.ts";

/** What was found out. */
export interface RepositoryProbe {
  readonly ok: true;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly push: boolean;
  readonly pullRequests: boolean;
  /** What is missing, in words for a person; empty when nothing is. */
  readonly problems: readonly string[];
}

// A branch nobody has: GitHub checks the permission first and then finds the request invalid, so nothing is created.
const NO_BRANCH = "hive/no-such-branch-only-a-probe";

/** Asks; see {@link RepositoryProbe}. A repository the token cannot see is `repo_not_found`. */
export async function probeRepository(
  target: GitHubTarget,
  signal?: AbortSignal,
): Promise<RepositoryProbe | GitHubFailed> {
  const client = createClient(target, signal);
  const { owner, repo } = target;
  try {
    const { data, headers } = await client.rest.repos.get({ owner, repo });
    const problems: string[] = [];
    const scopes = headers["x-oauth-scopes"];
    // What is said in `permissions` is what the person may do; a classic token may do less by its scopes.
    const mayPush = data.permissions?.push === true && hasScope(scopes, data.private);
    if (!mayPush) {
      problems.push(
        'pushing is not allowed; give the token the permission "Contents: write" (classic tokens: the scope repo)',
      );
    }
    const refused = await probePulls(target, data.default_branch, signal);
    if (refused !== null) problems.push(refused);
    return {
      ok: true,
      private: data.private,
      defaultBranch: data.default_branch,
      push: mayPush,
      pullRequests: refused === null,
      problems,
    };
  } catch (error) {
    return explain(error, target, "read the repository", signal);
  }
}

async function probePulls(target: GitHubTarget, base: string, signal: AbortSignal | undefined): Promise<string | null> {
  const client = createClient(target, signal);
  const { owner, repo } = target;
  try {
    await client.rest.pulls.create({ owner, repo, head: NO_BRANCH, base, title: "probe", draft: true });
    return null;
  } catch (error) {
    if (readAnswer(error).status === 422) return null;
    const failed = explain(error, target, "open a pull request", signal);
    if (failed.code !== "pr_refused" && failed.code !== "repo_not_found") throw error;
    return failed.message;
  }
}

function hasScope(scopes: string | undefined, isPrivate: boolean): boolean {
  // Fine-grained and app tokens send no scopes, or an empty list.
  if (scopes === undefined || scopes === "") return true;
  const names = scopes.split(/,\s*/);
  return names.includes("repo") || (!isPrivate && names.includes("public_repo"));
}
