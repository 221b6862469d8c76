/** What people and checks say about pull requests of the test server, shown as GitHub shows it. */
import type { Operation } from "./openapi-check.ts";
import { type Answer, asList } from "./pull-requests.ts";

/** Who says it, and as what GitHub knows them: `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE`, … */
interface Said {
  readonly pull: number;
  readonly by: string;
  readonly as: string;
  readonly body: string;
  /** Such as `2026-11-23T08:00:00Z`. */
  readonly at: string;
}

/** A review as a whole. */
export interface KeptReview extends Said {
  readonly state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED" | "DISMISSED" | "PENDING";
  readonly commit: string;
}

/** A comment on a line. */
export interface KeptReviewComment extends Said {
  readonly path: string;
  /** Null: the line is gone. */
  readonly line: number | null;
  /** The commit it was written at. */
  readonly commit: string;
}

/** A comment in the conversation. */
export interface KeptComment extends Said {
  /** Default: the example's. */
  readonly id?: number;
  body: string;
  readonly hidden?: boolean;
}

/** A run of a check, or a status of the older kind (`status: true`). */
export interface KeptCheck {
  readonly ref: string;
  readonly name: string;
  readonly conclusion: "success" | "failure" | "timed_out" | "cancelled" | "neutral" | null;
  readonly summary?: string;
  readonly text?: string;
  readonly annotations?: readonly { readonly path: string; readonly line: number; readonly message: string }[];
  readonly status?: boolean;
}

/** All that is said. Tests push to it. */
export interface Feedback {
  readonly reviews: KeptReview[];
  readonly lines: KeptReviewComment[];
  readonly comments: KeptComment[];
  readonly checks: KeptCheck[];
}

/** Answers what is asked about feedback; null: it is asked for something else. */
export function answerFeedback(feedback: Feedback, operation: Operation, query: URLSearchParams): Answer | null {
  const { pathValues } = operation;
  const example = operation.example(200);
  const [one = {}] = asList(example);
  const about = (said: Said): boolean => said.pull === Number(pathValues.pull_number ?? pathValues.issue_number);
  switch (`${operation.method} ${operation.template}`) {
    case "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews":
      return page(
        feedback.reviews.filter(about).map((review) => ({
          ...one,
          ...shown(one, review),
          id: feedback.reviews.indexOf(review) + 1,
          state: review.state,
          commit_id: review.commit,
          submitted_at: review.at,
        })),
        query,
      );
    case "GET /repos/{owner}/{repo}/pulls/{pull_number}/comments":
      return page(
        feedback.lines.filter(about).map((comment) => ({
          ...one,
          ...shown(one, comment),
          path: comment.path,
          line: comment.line ?? undefined,
          original_line: comment.line ?? 1,
          original_commit_id: comment.commit,
          created_at: comment.at,
        })),
        query,
      );
    case "GET /repos/{owner}/{repo}/issues/{issue_number}/comments":
      return page(
        feedback.comments.filter(about).map((comment) => ({
          ...one,
          ...shown(one, comment),
          ...(comment.id === undefined ? {} : { id: comment.id }),
          created_at: comment.at,
          minimized: comment.hidden === true ? { reason: "spam" } : null,
        })),
        query,
      );
    case "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": {
      const [run = {}] = asList(example.check_runs);
      const runs = feedback.checks.flatMap((check, index) =>
        check.status !== true && check.ref === pathValues.ref ? [showRun(run, check, index + 1)] : [],
      );
      return { status: 200, body: { total_count: runs.length, check_runs: runs } };
    }
    case "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations": {
      const check = feedback.checks[Number(pathValues.check_run_id) - 1];
      const notes = (check?.annotations ?? []).map(({ path, line, message }) => ({
        ...one,
        path,
        start_line: line,
        end_line: line,
        message,
        annotation_level: "failure",
      }));
      return page(notes, query);
    }
    case "GET /repos/{owner}/{repo}/commits/{ref}/status": {
      const [status = {}] = asList(example.statuses);
      const own = feedback.checks.filter((check) => check.status === true && check.ref === pathValues.ref);
      const statuses = own.map((check) => ({
        ...status,
        context: check.name,
        state: check.conclusion === "success" ? "success" : check.conclusion === null ? "pending" : "failure",
        description: check.summary ?? null,
      }));
      return { status: 200, body: { ...example, statuses, total_count: statuses.length } };
    }
    default:
      return null;
  }
}

function shown(example: Readonly<Record<string, unknown>>, said: Said): Readonly<Record<string, unknown>> {
  const user = typeof example.user === "object" ? example.user : {};
  return { user: { ...user, login: said.by }, body: said.body, author_association: said.as };
}

function showRun(example: Readonly<Record<string, unknown>>, check: KeptCheck, id: number): unknown {
  const output = typeof example.output === "object" ? example.output : {};
  const { summary = null, text = null, annotations = [] } = check;
  return {
    ...example,
    id,
    name: check.name,
    status: check.conclusion === null ? "in_progress" : "completed",
    conclusion: check.conclusion,
    output: { ...output, title: summary, summary, text, annotations_count: annotations.length },
  };
}

function page(items: readonly unknown[], query: URLSearchParams): Answer {
  const size = Number(query.get("per_page") ?? 30);
  const from = (Number(query.get("page") ?? 1) - 1) * size;
  return { status: 200, body: items.slice(from, from + size) };
}
