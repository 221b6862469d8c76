/** What happens on GitHub in the words of all sources. The webhook and the poll say the same thing in the same way. */

import type { JobIssue } from "@hive/core";
import { z } from "zod";
import type { Occurrence } from "../contract.ts";
import { placeOfRepo, type GitHubSettings } from "./github-settings.ts";
import { userSchema, type GitHubUser } from "./people.ts";

/** Where Hive's own branches are. */
export const OWN_BRANCHES = "hive/";
const FAILURES: ReadonlySet<string> = new Set(["failure", "timed_out", "startup_failure"]);

/** An issue, in a list and in a webhook. `pull_request`: it is one of those, which GitHub lists as issues. */
export const issueSchema = z.object({
  number: z.int().positive(),
  title: z.string(),
  body: z.string().nullish(),
  html_url: z.string(),
  state: z.string().default("open"),
  created_at: z.string(),
  updated_at: z.string(),
  user: userSchema.nullish(),
  labels: z.array(z.union([z.string(), z.object({ name: z.string().nullish() })])).default([]),
  pull_request: z.unknown().optional(),
});
export type GitHubIssue = z.output<typeof issueSchema>;

/** The fields that `when`, `group.by` and templates may name. */
export const GITHUB_FIELDS = [
  "kind",
  "repo",
  "number",
  "url",
  "author",
  "labels",
  "sender",
  "check",
  "conclusion",
  "commit",
] as const;

/** True when a check that ended so is red. */
export function isRed(conclusion: string | null | undefined): boolean {
  return FAILURES.has(conclusion ?? "");
}

/** An issue that got the label, or lost it. `sender`: who gave the label. */
export function issueOccurrence(
  own: GitHubSettings,
  issue: GitHubIssue,
  state: "firing" | "resolved",
  sender: GitHubUser | null,
): Occurrence {
  const { name, place } = placeOfRepo(own);
  return {
    identity: [place, "issue", String(issue.number)],
    title: `${name}#${issue.number}: ${issue.title}`,
    text: issue.body?.trim() || issue.title,
    state,
    // The time of the label is in no webhook: whatever happens to an issue, it is the same one.
    episode: issue.created_at,
    severity: null,
    at: readTime(issue.updated_at),
    count: 1,
    note: false,
    link: issue.html_url,
    fields: {
      kind: "issue",
      repo: name,
      number: String(issue.number),
      url: issue.html_url,
      author: issue.user?.login ?? "",
      labels: labelsOf(issue).join(","),
      sender: sender?.login ?? "",
    },
  };
}

/** An issue that is not in the list any more: all that is known is its number. */
export function issueGone(own: GitHubSettings, number: number, episode: string, now: number): Occurrence {
  const { name, place } = placeOfRepo(own);
  const title = `${name}#${number} is closed, or has lost its label`;
  return {
    identity: [place, "issue", String(number)],
    ...{ title, text: title, state: "resolved", episode, severity: null, at: now, count: 1, note: false, link: null },
    fields: { kind: "issue", repo: name, number: String(number) },
  };
}

/** A check of the default branch. `episode`: since which commit it is red. */
export function checkOccurrence(
  own: GitHubSettings,
  check: {
    readonly name: string;
    readonly conclusion: string;
    readonly commit: string;
    readonly url: string | null;
    readonly text: string;
    readonly at: string | null;
  },
  state: "firing" | "resolved",
  episode: string,
): Occurrence {
  const { name, place } = placeOfRepo(own);
  const title = `${name}: check "${check.name}" ${state === "firing" ? "fails" : "is green again"} on the default branch`;
  return {
    identity: [place, "check", check.name],
    title,
    text: [title, `Commit ${check.commit}: ${check.conclusion}`, check.text].filter((line) => line !== "").join("\n\n"),
    state,
    episode,
    severity: null,
    at: check.at === null ? null : readTime(check.at),
    count: 1,
    note: false,
    link: check.url,
    fields: {
      kind: "check",
      repo: name,
      check: check.name,
      conclusion: check.conclusion,
      commit: check.commit,
      url: check.url ?? "",
    },
  };
}

/** Something to be done again about a branch of Hive's own; the agent reads on GitHub what exactly. */
export function followUpOccurrence(own: GitHubSettings, branch: string, cause: string): Occurrence {
  const { name, place } = placeOfRepo(own);
  return {
    identity: [place, "branch", branch],
    ...{ title: `${name}: ${cause}`, text: "", state: "event", episode: null, severity: null, at: null },
    ...{ count: 1, note: false, link: null, fields: {} },
    followUp: { place, branch, cause },
  };
}

/** The issue that a job about these fields is for. */
export function issueOf(own: GitHubSettings, fields: Readonly<Record<string, string>>): JobIssue | null {
  const number = fields["number"] ?? "";
  if (fields["kind"] !== "issue" || !/^[1-9]\d{0,9}$/.test(number)) return null;
  return { place: placeOfRepo(own).place, number: Number(number), tell: own.tell };
}

/** GitHub does not look at the letter case of labels. */
export function hasLabel(own: GitHubSettings, issue: GitHubIssue): boolean {
  return labelsOf(issue).some((label) => isLabel(own, label));
}

/** Is this the label that makes jobs? */
export function isLabel(own: GitHubSettings, label: string | null | undefined): boolean {
  return label?.toLowerCase() === own.label.toLowerCase();
}

function labelsOf({ labels }: GitHubIssue): string[] {
  return labels.map((label) => (typeof label === "string" ? label : (label.name ?? ""))).filter((name) => name !== "");
}

function readTime(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
