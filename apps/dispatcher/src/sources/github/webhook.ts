/** What a webhook of GitHub says, of what matters here: everything else is no occurrence at all. */

import { z } from "zod";
import type { HookRequest, Occurrence } from "../contract.ts";
import { jsonBody } from "../json-body.ts";
import { placeOfRepo, type GitHubSettings } from "./github-settings.ts";
import {
  checkOccurrence,
  followUpOccurrence,
  hasLabel,
  isLabel,
  isRed,
  issueOccurrence,
  issueSchema,
  OWN_BRANCHES,
} from "./occurrences.ts";
import { userSchema, type MayOrder } from "./people.ts";

const repository = z.object({ full_name: z.string(), default_branch: z.string().optional() });
const envelope = z.object({ action: z.string().optional(), repository: repository.optional() });
const sender = userSchema.nullish();

const issuesEvent = z.object({
  issue: issueSchema,
  label: z.object({ name: z.string() }).optional(),
  sender,
});

/** The branch of a pull request, and whose repository it is in: a fork's is never Hive's own. */
const pullSchema = z.object({
  head: z.object({ ref: z.string(), repo: z.object({ full_name: z.string() }).nullish() }),
});
const reviewEvent = z.object({
  review: z.object({ id: z.int(), state: z.string(), body: z.string().nullish() }),
  pull_request: pullSchema,
  sender,
});
const lineEvent = z.object({
  comment: z.object({ id: z.int(), pull_request_review_id: z.int().nullish() }),
  pull_request: pullSchema,
  sender,
});

const suite = z.object({
  head_branch: z.string().nullish(),
  head_sha: z.string(),
  conclusion: z.string().nullish(),
  head_repository: z.object({ full_name: z.string() }).nullish(),
});
const checkRunEvent = z.object({
  check_run: z.object({
    name: z.string(),
    conclusion: z.string().nullish(),
    head_sha: z.string(),
    html_url: z.string().nullish(),
    completed_at: z.string().nullish(),
    output: z.object({ title: z.string().nullish(), summary: z.string().nullish() }).nullish(),
    check_suite: z.object({ head_branch: z.string().nullish() }),
  }),
});
const checkSuiteEvent = z.object({ check_suite: suite });
const workflowEvent = z.object({ workflow_run: suite });
const statusEvent = z.object({
  state: z.string(),
  sha: z.string(),
  branches: z.array(z.object({ name: z.string() })).default([]),
});

/** What was said. @throws Error when it is no JSON of GitHub's; RateLimited and others when somebody cannot be looked up */
export async function readWebhook(
  own: GitHubSettings,
  request: HookRequest,
  mayOrder: MayOrder,
): Promise<readonly Occurrence[]> {
  const event = request.headers["x-github-event"] ?? "";
  const body = readBody(request);
  const about = envelope.parse(body);
  const { name } = placeOfRepo(own);
  // An organisation's hook tells of all its repositories.
  if (about.repository === undefined || !isSame(about.repository.full_name, name)) return [];
  switch (event) {
    case "issues":
      return own.on.includes("issues") ? readIssue(own, about.action ?? "", issuesEvent.parse(body), mayOrder) : [];
    case "pull_request_review": {
      const { review, pull_request: pull, sender: by } = reviewEvent.parse(body);
      const asks = review.state === "changes_requested" || (review.state === "commented" && review.body?.trim());
      if (about.action !== "submitted" || !asks) return [];
      return readReview(own, pull, review.id, () => mayOrder(by));
    }
    case "pull_request_review_comment": {
      const { comment, pull_request: pull, sender: by } = lineEvent.parse(body);
      if (about.action !== "created") return [];
      return readReview(own, pull, comment.pull_request_review_id ?? comment.id, () => mayOrder(by));
    }
    case "check_run":
      return about.action === "completed" ? readRun(own, checkRunEvent.parse(body), about.repository) : [];
    case "check_suite":
      return about.action === "completed" ? readSuite(own, checkSuiteEvent.parse(body).check_suite) : [];
    case "workflow_run":
      return about.action === "completed" ? readSuite(own, workflowEvent.parse(body).workflow_run) : [];
    case "status": {
      const { state, sha, branches } = statusEvent.parse(body);
      const red = state === "failure" || state === "error";
      return red ? branches.flatMap((branch) => redChecks(own, branch.name, sha)) : [];
    }
    default:
      return [];
  }
}

async function readIssue(
  own: GitHubSettings,
  action: string,
  { issue, label, sender: by }: z.output<typeof issuesEvent>,
  mayOrder: MayOrder,
): Promise<readonly Occurrence[]> {
  const gaveLabel = action === "labeled" && isLabel(own, label?.name);
  if ((gaveLabel || (action === "reopened" && hasLabel(own, issue))) && issue.state === "open") {
    return (await mayOrder(by)) ? [issueOccurrence(own, issue, "firing", by ?? null)] : [];
  }
  const lostLabel = action === "unlabeled" && isLabel(own, label?.name);
  // Anybody who can close an issue or take its label may: that gives no work, it only ends some.
  const ended = lostLabel || (/^(?:closed|deleted|transferred)$/.test(action) && hasLabel(own, issue));
  return ended ? [issueOccurrence(own, issue, "resolved", by ?? null)] : [];
}

async function readReview(
  own: GitHubSettings,
  pull: z.output<typeof pullSchema>,
  reviewId: number,
  allowed: () => Promise<boolean>,
): Promise<readonly Occurrence[]> {
  const { ref, repo } = pull.head;
  const isOwn = ref.startsWith(OWN_BRANCHES) && isSame(repo?.full_name ?? "", placeOfRepo(own).name);
  if (!own.on.includes("reviews") || !isOwn || !(await allowed())) return [];
  return [followUpOccurrence(own, ref, `review ${reviewId}`)];
}

function readRun(
  own: GitHubSettings,
  { check_run: run }: z.output<typeof checkRunEvent>,
  { default_branch: main }: z.output<typeof repository>,
): readonly Occurrence[] {
  const branch = run.check_suite.head_branch ?? "";
  const conclusion = run.conclusion ?? "";
  if (branch !== main || !own.on.includes("default_branch")) {
    return isRed(conclusion) ? redChecks(own, branch, run.head_sha) : [];
  }
  if (!isRed(conclusion) && conclusion !== "success") return [];
  const text = [run.output?.title, run.output?.summary].filter((part) => part != null && part !== "").join("\n");
  const check = { name: run.name, conclusion, commit: run.head_sha, url: run.html_url ?? null, text };
  const at = run.completed_at ?? null;
  return [checkOccurrence(own, { ...check, at }, isRed(conclusion) ? "firing" : "resolved", run.name)];
}

function readSuite(own: GitHubSettings, { head_branch, head_sha, ...run }: z.output<typeof suite>): Occurrence[] {
  const from = run.head_repository?.full_name;
  const isFork = from !== undefined && !isSame(from, placeOfRepo(own).name);
  return isRed(run.conclusion) && !isFork ? redChecks(own, head_branch ?? "", head_sha) : [];
}

function redChecks(own: GitHubSettings, branch: string, commit: string): Occurrence[] {
  const counts = own.on.includes("checks") && branch.startsWith(OWN_BRANCHES);
  return counts ? [followUpOccurrence(own, branch, `checks of ${commit}`)] : [];
}

/** GitHub does not look at the letter case of names. */
function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** A webhook set to `application/x-www-form-urlencoded` has the JSON in a field. */
function readBody({ headers, body }: HookRequest): unknown {
  if (headers["content-type"]?.startsWith("application/x-www-form-urlencoded") !== true) return jsonBody({ body });
  return jsonBody({ body: Buffer.from(new URLSearchParams(body.toString("utf8")).get("payload") ?? "") });
}
