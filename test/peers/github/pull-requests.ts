/** The pull requests of the test server: opened, changed, labelled and given reviewers by GitHub's rules. */
import type { GitHubRepository, GitHubToken, KeptPullRequest } from "./github-api.ts";
import type { Operation } from "./openapi-check.ts";

/** An answer of the server. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request about pull requests, already judged by GitHub's description. */
export interface PullCall {
  readonly operation: Operation;
  /** `owner/name` of the repository. */
  readonly name: string;
  readonly repository: GitHubRepository;
  readonly token: GitHubToken;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Record<string, string>;
  readonly pulls: KeptPullRequest[];
  /** The commit of a branch; null: the example's. */
  readonly headOf: (branch: string) => string | null;
}

/** Opens one. */
export function createPull(call: PullCall): Answer {
  const { operation, name, repository, token, body, pulls } = call;
  if ((token.pullRequests ?? "write") !== "write") return forbidden(call, "pull_requests=write");
  const head = String(body.head).replace(/^[^:]+:/, "");
  const base = String(body.base);
  const branches = [repository.defaultBranch ?? "main", ...repository.branches];
  if (!branches.includes(head)) return invalid(call, [{ resource: "PullRequest", field: "head", code: "invalid" }]);
  if (!branches.includes(base)) return invalid(call, [{ resource: "PullRequest", field: "base", code: "invalid" }]);
  if (head === base) {
    const message = `No commits between ${base} and ${head}`;
    return invalid(call, [{ resource: "PullRequest", code: "custom", message }]);
  }
  if (body.draft === true && repository.takesDrafts === false) {
    return invalid(call, [], "Draft pull requests are not supported in this repository.");
  }
  const owner = name.split("/")[0] ?? "";
  const isThere = (pull: KeptPullRequest): boolean =>
    pull.repository === name && pull.head === head && pull.base === base && pull.state === "open";
  if (pulls.some(isThere)) {
    const message = `A pull request already exists for ${owner}:${head}.`;
    return invalid(call, [{ resource: "PullRequest", code: "custom", message }]);
  }
  const pull: KeptPullRequest = {
    number: pulls.length + 1,
    repository: name,
    title: String(body.title),
    body: typeof body.body === "string" ? body.body : "",
    head,
    base,
    draft: body.draft === true,
    state: "open",
    labels: [],
    reviewers: [],
    teams: [],
  };
  pulls.push(pull);
  return { status: 201, body: showPull(operation, pull, 201), headers: call.headers };
}

/** Changes title or text of one. */
export function updatePull(call: PullCall): Answer {
  const pull = pullOf(call, "pull_number");
  if (pull === null) return notFound();
  if ((call.token.pullRequests ?? "write") !== "write") return forbidden(call, "pull_requests=write");
  const { title, body } = call.body;
  if (typeof title === "string") pull.title = title;
  if (typeof body === "string") pull.body = body;
  return { status: 200, body: showPull(call.operation, pull, 200), headers: call.headers };
}

/** Adds labels to one; labels that do not exist are made. */
export function addLabels(call: PullCall): Answer {
  const pull = pullOf(call, "issue_number");
  if (pull === null) return notFound();
  if (call.token.labels === false) return forbidden(call, "issues=write; pull_requests=write");
  const added = Array.isArray(call.body.labels) ? call.body.labels.map(String) : [];
  pull.labels = [...new Set([...pull.labels, ...added])];
  const [example] = asList(call.operation.example(200));
  return { status: 200, body: pull.labels.map((label) => ({ ...example, name: label })), headers: call.headers };
}

/** Asks for reviews; one name that cannot be asked refuses them all, as GitHub does it. */
export function requestReviewers(call: PullCall): Answer {
  const pull = pullOf(call, "pull_number");
  if (pull === null) return notFound();
  if ((call.token.pullRequests ?? "write") !== "write") return forbidden(call, "pull_requests=write");
  const users = asNames(call.body.reviewers);
  const teams = asNames(call.body.team_reviewers);
  const may = call.repository.reviewers ?? [...users, ...teams];
  if (![...users, ...teams].every((one) => may.includes(one))) {
    const message =
      "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator";
    return { status: 422, body: { message: `${message} of the ${call.name} repository.` }, headers: call.headers };
  }
  pull.reviewers = [...new Set([...pull.reviewers, ...users])];
  pull.teams = [...new Set([...pull.teams, ...teams])];
  return { status: 201, body: showPull(call.operation, pull, 201, "simple"), headers: call.headers };
}

/** The repository's pull requests that a query asks for. */
export function listPulls({ operation, name, headers, pulls, headOf }: PullCall, query: URLSearchParams): Answer {
  const found = pulls.filter((pull) => pull.repository === name && fits(pull, query));
  const shown = found.slice(0, Number(query.get("per_page") ?? 30)).map((pull) => {
    const one = showPull(operation, pull, 200, "simple");
    const { head } = one;
    return { ...one, head: { ...head, sha: headOf(pull.head) ?? head.sha, repo: { ...head.repo, full_name: name } } };
  });
  return { status: 200, body: shown, headers };
}

/** The pull request a path names, or null. */
export function pullOf({ operation, name, pulls }: PullCall, key: string): KeptPullRequest | null {
  const number = Number(operation.pathValues[key]);
  return pulls.find((pull) => pull.repository === name && pull.number === number) ?? null;
}

/** What GitHub says where there is nothing, or nothing one may see. */
export function notFound(): Answer {
  const body = { message: "Not Found", documentation_url: "https://docs.github.com/rest", status: "404" };
  return { status: 404, body };
}

/** GitHub's own example of an answer that is a list. */
export function asList(example: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(example) ? example : [];
}

function forbidden({ headers }: PullCall, permissions: string): Answer {
  const body = {
    message: "Resource not accessible by personal access token",
    documentation_url: "https://docs.github.com/rest",
    status: "403",
  };
  return { status: 403, body, headers: { ...headers, "x-accepted-github-permissions": permissions } };
}

function invalid(
  { headers }: PullCall,
  errors: readonly Readonly<Record<string, string>>[],
  message = "Validation Failed",
): Answer {
  const documentation_url = "https://docs.github.com/rest/pulls/pulls#create-a-pull-request";
  return { status: 422, body: { message, errors, documentation_url }, headers };
}

function fits(pull: KeptPullRequest, query: URLSearchParams): boolean {
  const state = query.get("state") ?? "open";
  const owner = pull.repository.split("/")[0] ?? "";
  const head = query.get("head");
  const base = query.get("base");
  return (
    (state === "all" || pull.state === state) &&
    (head === null || head === `${owner}:${pull.head}`) &&
    (base === null || base === pull.base)
  );
}

/** GitHub's own example with this pull request's facts in it; `simple` where the answer is the short form. */
function showPull(operation: Operation, pull: KeptPullRequest, status: number, form: "whole" | "simple" = "whole") {
  const shown = operation.example(status);
  const example = Array.isArray(shown) ? shown[0] : shown;
  const user = example.user;
  const [label] = asList(example.labels);
  const [team] = asList(example.requested_teams);
  return {
    ...example,
    number: pull.number,
    html_url: `https://github.com/${pull.repository}/pull/${pull.number}`,
    state: pull.state,
    title: pull.title,
    body: pull.body,
    draft: pull.draft,
    labels: pull.labels.map((name) => ({ ...label, name })),
    requested_reviewers: pull.reviewers.map((login) => ({ ...user, login })),
    // The example's team lacks what the schema of the whole form demands; nobody asks for it there.
    requested_teams:
      form === "simple" ? pull.teams.map((slug) => ({ ...team, type: "organization", slug, name: slug })) : [],
    head: { ...example.head, ref: pull.head },
    base: { ...example.base, ref: pull.base },
  };
}

function asNames(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
