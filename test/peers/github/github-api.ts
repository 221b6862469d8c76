/**
 * A small GitHub API for tests: repositories, tokens with permissions, pull requests. Every request it takes and every
 * answer it gives is judged by GitHub's own OpenAPI description; what does not fit is in `violations` and answered with
 * 500. Failures come when a test asks for them.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerFeedback, type Feedback } from "./feedback.ts";
import { answerIssues, type KeptIssue, type Writers } from "./issues.ts";
import { findOperation, type Operation } from "./openapi-check.ts";
import {
  addLabels,
  type Answer,
  createPull,
  listPulls,
  notFound,
  type PullCall,
  requestReviewers,
  updatePull,
} from "./pull-requests.ts";

/** What a token may do. */
export interface GitHubToken {
  /** Fine-grained permissions as the answer's headers name them; classic tokens have `scopes` instead. */
  readonly pullRequests?: "none" | "read" | "write";
  readonly push?: boolean;
  /** False: may not add labels. Default: true. */
  readonly labels?: boolean;
  /** Repositories the token sees. Default: all. */
  readonly sees?: readonly string[];
  /** Scopes of a classic token, told in `x-oauth-scopes`. */
  readonly scopes?: string;
}

/** A repository of the server. */
export interface GitHubRepository {
  readonly defaultBranch?: string;
  readonly private?: boolean;
  /** False: `Draft pull requests are not supported in this repository.` Default: true. */
  readonly takesDrafts?: boolean;
  /** Branches that exist, with at least one commit the default branch does not have. */
  readonly branches: readonly string[];
  /** Users, and slugs of teams, who can be asked for a review. Default: anybody. */
  readonly reviewers?: readonly string[];
  /** Who may push, beside the tokens. Default: nobody. */
  readonly writers?: Writers;
}

/** A pull request as the server keeps it. */
export interface KeptPullRequest {
  readonly number: number;
  readonly repository: string;
  /** What a person does to it by hand, a test writes here. */
  title: string;
  body: string;
  readonly head: string;
  readonly base: string;
  readonly draft: boolean;
  state: "open" | "closed";
  labels: readonly string[];
  reviewers: readonly string[];
  /** Slugs of teams. */
  teams: readonly string[];
}

/** An answer a test orders instead of, or (`after`) on top of, what would have happened. */
export interface Failure {
  readonly on: (method: string, path: string) => boolean;
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The request takes effect first: the answer is lost, the pull request is there. */
  readonly after?: boolean;
  /** How often. Default: once. */
  times?: number;
}

/** A running server. */
export interface GitHubApi {
  /** The API's address: what `GITHUB_API_URL` would be. */
  readonly url: string;
  readonly pulls: KeptPullRequest[];
  /** Tests push to it; numbers are not those of pull requests. */
  readonly issues: KeptIssue[];
  /** What people and checks say; tests push to it. */
  readonly feedback: Feedback;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly token: string | null }[];
  /** What did not fit GitHub's description, asked or answered. */
  readonly violations: readonly string[];
  readonly fail: (failure: Failure) => void;
  readonly stop: () => Promise<void>;
}

/** Starts a server. `prefix` is `/api/v3` on GitHub Enterprise. */
export async function startGitHubApi(options: {
  readonly tokens: Readonly<Record<string, GitHubToken>>;
  readonly repositories: Readonly<Record<string, GitHubRepository>>;
  readonly prefix?: string;
  /** The commit of a branch of a repository. Default: what GitHub's examples show. */
  readonly headOf?: (repository: string, branch: string) => string | null;
}): Promise<GitHubApi> {
  const pulls: KeptPullRequest[] = [];
  const issues: KeptIssue[] = [];
  const requests: { method: string; path: string; token: string | null }[] = [];
  const violations: string[] = [];
  const failures: Failure[] = [];
  const feedback: Feedback = { reviews: [], lines: [], comments: [], checks: [] };
  const prefix = options.prefix ?? "";

  const takeFailure = (method: string, path: string): Failure | null => {
    const index = failures.findIndex((failure) => failure.on(method, path));
    const failure = failures[index];
    if (failure === undefined) return null;
    failure.times = (failure.times ?? 1) - 1;
    if (failure.times <= 0) failures.splice(index, 1);
    return failure;
  };

  const handle = async (incoming: IncomingMessage): Promise<Answer> => {
    const url = new URL(incoming.url ?? "/", "http://api");
    const method = incoming.method ?? "GET";
    const path = url.pathname.slice(prefix.length);
    const token = /^(?:token|bearer) (.+)$/i.exec(incoming.headers.authorization ?? "")?.[1] ?? null;
    requests.push({ method, path: path + url.search, token });
    const operation = url.pathname.startsWith(prefix) ? findOperation(method, path) : null;
    if (operation === null) {
      violations.push(`GitHub has no ${method} ${url.pathname}`);
      return { status: 404, body: { message: "Not Found" } };
    }
    const body = await readBody(incoming);
    const wrong = operation.checkRequest(url.searchParams, body);
    if (wrong.length > 0) {
      violations.push(...wrong);
      return { status: 500, body: { message: wrong.join("; ") } };
    }
    const failure = takeFailure(method, path);
    const ordered = failure && {
      status: failure.status,
      body: failure.body ?? { message: "ordered by the test" },
      headers: failure.headers ?? {},
    };
    if (ordered && failure.after !== true) return ordered;
    const answer = decide(operation, url.searchParams, body, token);
    if (ordered) return ordered;
    const odd = operation.checkAnswer(answer.status, answer.body);
    violations.push(...odd);
    return method === "GET" && answer.status === 200 ? tagged(answer, incoming.headers["if-none-match"]) : answer;
  };

  const decide = (operation: Operation, query: URLSearchParams, body: unknown, secret: string | null): Answer => {
    const token = secret === null ? {} : options.tokens[secret];
    if (token === undefined) return { status: 401, body: { message: "Bad credentials" } };
    const name = `${operation.pathValues.owner}/${operation.pathValues.repo}`;
    const repository = options.repositories[name];
    const isSeen = token.sees === undefined || token.sees.includes(name);
    if (repository === undefined || (repository.private === true && (secret === null || !isSeen))) {
      return notFound();
    }
    const headers: Record<string, string> = token.scopes === undefined ? {} : { "x-oauth-scopes": token.scopes };
    const sent = typeof body === "object" && body !== null ? Object.fromEntries(Object.entries(body)) : {};
    const headOf = (branch: string): string | null => options.headOf?.(name, branch) ?? null;
    const call: PullCall = { operation, name, repository, token, body: sent, headers, pulls, headOf };
    switch (`${operation.method} ${operation.template}`) {
      case "GET /repos/{owner}/{repo}":
        return { status: 200, body: showRepository(operation, name, repository, token), headers };
      case "GET /repos/{owner}/{repo}/pulls":
        return listPulls(call, query);
      case "POST /repos/{owner}/{repo}/pulls":
        return createPull(call);
      case "PATCH /repos/{owner}/{repo}/pulls/{pull_number}":
        return updatePull(call);
      case "POST /repos/{owner}/{repo}/issues/{issue_number}/labels":
        return addLabels(call);
      case "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers":
        return requestReviewers(call);
      default: {
        const { writers = [] } = repository;
        const answer =
          answerFeedback(feedback, operation, query) ??
          answerIssues({ operation, name, query, body: sent, issues, writers, feedback });
        if (answer !== null) return answer;
        violations.push(`the test server does not do ${operation.method} ${operation.template}`);
        return { status: 500, body: { message: "not part of this server" } };
      }
    }
  };

  const http = createServer((incoming, response) => {
    handle(incoming).then(
      (answer) => send(response, answer),
      (error: unknown) => {
        violations.push(String(error));
        send(response, { status: 500, body: { message: String(error) } });
      },
    );
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    pulls,
    issues,
    feedback,
    requests,
    violations,
    fail: (failure) => void failures.push({ ...failure }),
    stop: () => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  };
}

/** With a tag; what is known already is not sent again. */
function tagged(answer: Answer, known: string | undefined): Answer {
  const etag = `W/"${createHash("sha256").update(JSON.stringify(answer.body)).digest("hex")}"`;
  const headers = { ...answer.headers, etag };
  return known === etag ? { status: 304, body: undefined, headers } : { ...answer, headers };
}

/** GitHub's own example, with this repository's facts in it. The example lacks `language`, which the schema demands. */
function showRepository(operation: Operation, name: string, repository: GitHubRepository, token: GitHubToken): unknown {
  const push = token.push ?? true;
  const { source: _source, parent: _parent, template_repository: _template, ...example } = operation.example(200);
  return {
    ...example,
    language: null,
    name: name.split("/")[1],
    full_name: name,
    private: repository.private ?? false,
    default_branch: repository.defaultBranch ?? "main",
    permissions: { admin: false, maintain: false, push, triage: push, pull: true },
  };
}

async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { "content-type": "application/json; charset=utf-8", ...answer.headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}
