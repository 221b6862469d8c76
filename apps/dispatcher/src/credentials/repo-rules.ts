/**
 * What the operator says about repositories in `hive.yaml`: which credential opens them, how many jobs of one may run at
 * once, what a person must approve, how pull requests look. The first rule whose pattern matches counts.
 */

import {
  agentModelSchema,
  DEFAULT_PULL_REQUEST,
  MOST_VERIFY_ROUNDS,
  nameSchema,
  type PullRequestSettings,
} from "@hive/protocol";
import { z } from "zod";
import { projectBudgetSchema } from "../budgets/budget-settings.ts";

const variable = z.string().regex(/^[A-Z_][A-Z0-9_]*$/, "must be the name of an environment variable");

/** Where a secret is kept: a variable of the server's environment, or a file only it can read. */
export const secretPlace = z.union([z.strictObject({ env: variable }), z.strictObject({ file: z.string().min(1) })]);
export type SecretPlace = z.infer<typeof secretPlace>;

// GitHub's own rules for names; what does not fit could only be refused there.
const reviewer = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?$/,
    "must be a user, or a team as org/team",
  );

export const repoRuleSchema = z.strictObject({
  /** `host/owner/name` with `*` for any run of characters but `/`, and `**` for any. */
  match: z.string().min(1).max(512),
  /** Where the token is: never in the file itself. */
  token: secretPlace.optional(),
  /** A GitHub App: a token of its own for each job, for this repository alone, good for an hour. */
  app: z
    .strictObject({
      id: z.union([z.int().positive(), z.string().min(1)]).transform(String),
      /** The App's private key, PEM. */
      privateKey: secretPlace,
    })
    .optional(),
  /** The name beside the token. Default `x-access-token`, which GitHub, GitLab and Gitea take. */
  username: z.string().min(1).max(128).default("x-access-token"),
  /** Jobs of this repository that may run at once, over all branches. Default: one per branch. */
  limit: z.int().min(1).max(1000).optional(),
  /** `start`: a person approves before the job starts; `publish`: before its work is pushed. */
  approve: z.enum(["none", "start", "publish"]).default("none"),
  /** The agent of its jobs that name none. Default: the server's. */
  agent: nameSchema.optional(),
  /** The model of that agent. Default: what `agents` says of it. */
  model: agentModelSchema.optional(),
  /** What its jobs may use, each of them and all of them in a day. */
  budget: projectBudgetSchema.optional(),
  /** Whether the repository's own tests judge what an agent made, where the job does not say. Default: yes. */
  verify: z.boolean().optional(),
  /** How often red tests go back to the agent, where the job does not say. Default 2. */
  verifyRounds: z.int().min(0).max(MOST_VERIFY_ROUNDS).optional(),
  /** How pull requests of this repository should be, on a GitHub. */
  pullRequest: z
    .strictObject({
      /** Each at most 50 characters, as GitHub has them. Default: none. */
      labels: z.array(z.string().trim().min(1).max(50)).max(20).default([]),
      /** User names, and teams as `org/team`. Default: none. */
      reviewers: z.array(reviewer).max(15).default([]),
      /** Says in its text what the work cost. Default: no. */
      cost: z.boolean().default(false),
      /** Opens it as a draft. Default: yes. */
      draft: z.boolean().default(true),
    })
    .optional(),
});

export const repoRulesSchema = z
  .array(
    repoRuleSchema.refine(
      (rule) => rule.token === undefined || rule.app === undefined,
      "has both token and app; keep one",
    ),
  )
  .max(1000);
export type RepoRule = z.infer<typeof repoRuleSchema>;

/** True when `host/path` fits the rule's pattern; letter case does not matter, as on GitHub. */
export function matchesRepo(pattern: string, place: string): boolean {
  const escaped = pattern
    .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*|\*/g, (star) => (star === "**" ? ".*" : "[^/]*"));
  return new RegExp(`^${escaped}$`, "i").test(place);
}

/** The rule for a repository, or undefined. `place` is `host/owner/name`. */
export function ruleFor(rules: readonly RepoRule[], place: string): RepoRule | undefined {
  return rules.find((rule) => matchesRepo(rule.match, place));
}

/** How pull requests of a repository should be. `place` is `host/owner/name`. */
export function pullRequestOf(rules: readonly RepoRule[], place: string): PullRequestSettings {
  return ruleFor(rules, place)?.pullRequest ?? DEFAULT_PULL_REQUEST;
}
