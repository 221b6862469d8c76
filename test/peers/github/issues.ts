/** The issues of the test server: those with a label, who gave it, who may push, and what is said of them. */
import type { Feedback } from "./feedback.ts";
import type { Operation } from "./openapi-check.ts";
import { type Answer, asList, notFound } from "./pull-requests.ts";

/** An issue as the server keeps it. What a person does to it by hand, a test writes here. */
export interface KeptIssue {
  readonly number: number;
  /** `owner/name`. */
  readonly repository: string;
  readonly title: string;
  readonly body: string;
  state: "open" | "closed";
  /** Its labels, and who gave them. */
  labels: readonly { readonly name: string; readonly by: string }[];
  /** It is a pull request, which GitHub lists as an issue too. */
  readonly isPull?: boolean;
  /** Its last change, such as `2026-11-23T08:00:00Z`. */
  updatedAt: string;
}

/** Who may push; everybody else may read. */
export type Writers = readonly string[];

/** One request about issues, already judged by GitHub's description. */
export interface IssueCall {
  readonly operation: Operation;
  /** `owner/name` of the repository. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly issues: readonly KeptIssue[];
  readonly writers: Writers;
  readonly feedback: Feedback;
}

/** Whose token writes comments. */
const SELF = "hive-bot";

/** Answers what is asked about issues; null: it is asked for something else. */
export function answerIssues(call: IssueCall): Answer | null {
  const { operation, feedback, body } = call;
  switch (`${operation.method} ${operation.template}`) {
    case "GET /repos/{owner}/{repo}/issues":
      return listIssues(call);
    case "GET /repos/{owner}/{repo}/issues/{issue_number}/events":
      return listEvents(call);
    case "GET /repos/{owner}/{repo}/collaborators/{username}/permission":
      return showPermission(call);
    case "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": {
      const id = feedback.comments.length + 1;
      const pull = Number(operation.pathValues.issue_number);
      const at = "2026-11-23T08:00:00Z";
      feedback.comments.push({ id, pull, by: SELF, as: "COLLABORATOR", body: String(body.body), at });
      return { status: 201, body: { ...operation.example(201), id, body: String(body.body) } };
    }
    case "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": {
      const comment = feedback.comments.find(({ id }) => id === Number(operation.pathValues.comment_id));
      if (comment === undefined) return notFound();
      comment.body = String(body.body);
      return { status: 200, body: { ...operation.example(200), id: comment.id, body: comment.body } };
    }
    default:
      return null;
  }
}

/** GitHub's own example, with these issues' facts in it. */
function listIssues({ operation, name, query, issues }: IssueCall): Answer {
  const [example = {}] = asList(operation.example(200));
  const { pull_request: pull, ...plain } = example;
  const [label = {}] = asList(example.labels);
  const wanted = (query.get("labels") ?? "").split(",").filter((one) => one !== "");
  const found = issues.filter(
    (issue) =>
      issue.repository === name &&
      issue.state === (query.get("state") ?? "open") &&
      wanted.every((one) => issue.labels.some((has) => has.name === one)),
  );
  const shown = found
    .toSorted((one, other) => (one.updatedAt > other.updatedAt ? -1 : 1))
    .map((issue) => ({
      ...plain,
      ...(issue.isPull === true ? { pull_request: pull } : {}),
      number: issue.number,
      title: issue.title,
      body: issue.body,
      state: issue.state,
      html_url: `https://github.com/${name}/issues/${issue.number}`,
      updated_at: issue.updatedAt,
      labels: issue.labels.map((has) => ({ ...label, name: has.name })),
    }));
  const size = Number(query.get("per_page") ?? 30);
  const from = (Number(query.get("page") ?? 1) - 1) * size;
  return { status: 200, body: shown.slice(from, from + size) };
}

function listEvents({ operation, name, issues }: IssueCall): Answer {
  const [example = {}] = asList(operation.example(200));
  const issue = issues.find(
    (one) => one.repository === name && one.number === Number(operation.pathValues.issue_number),
  );
  if (issue === undefined) return notFound();
  const actor = typeof example.actor === "object" ? example.actor : {};
  const events = issue.labels.map(({ name: label, by }) => ({
    ...example,
    event: "labeled",
    actor: { ...actor, login: by, type: by.endsWith("[bot]") ? "Bot" : "User" },
    label: { name: label, color: "ededed" },
  }));
  return { status: 200, body: events };
}

function showPermission({ operation, writers }: IssueCall): Answer {
  const may = writers.includes(operation.pathValues.username ?? "");
  const permission = may ? "write" : "read";
  // The example's user lacks what the schema demands.
  return { status: 200, body: { ...operation.example(200), permission, role_name: permission, user: null } };
}
