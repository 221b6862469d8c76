/** What the operator says in hive.yaml about a source of the type `github`: one repository, and what counts there. */

import { z } from "zod";
import { secretPlace, type SecretPlace } from "../../credentials/repo-rules.ts";

/** What there is to hear of. `default_branch`: checks that fail where everybody builds on. */
const GITHUB_TOPICS = ["issues", "reviews", "checks", "default_branch"] as const;

/** Rounds of work that reviews and red checks may cause on one job, by default. */
const DEFAULT_ROUNDS = 2;

const login = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?$/, "must be a login of GitHub");

/** The settings as people write them. */
export const githubSchema = z.strictObject({
  /** The repository's web address, as in a job: `https://github.com/acme/app`. */
  repo: z.string().refine((text) => readRepo(text) !== null, {
    error: "must be the web address of a repository, such as https://github.com/acme/app",
  }),
  /** A token that may read the repository's issues, pull requests and checks. */
  token: secretPlace.optional(),
  /** What GitHub signs its webhooks with. With it the source is told; without it it asks by itself. */
  webhookSecret: secretPlace.optional(),
  /** An issue with this label is a job. Default: `hive`. */
  label: z.string().min(1).max(50).default("hive"),
  /** Default: issues, reviews and checks of Hive's own pull requests. */
  on: z.array(z.enum(GITHUB_TOPICS)).min(1).default(["issues", "reviews", "checks"]),
  /** Rounds of work that reviews and red checks may cause on one job. Default 2; 0: none. */
  rounds: z.int().min(0).max(10).default(DEFAULT_ROUNDS),
  /** True: how a job goes is told on its issue. Default: true. */
  tell: z.boolean().default(true),
  /** Bots whose labels and reviews count. Default: none, so that no two machines keep each other busy. */
  bots: z.array(login).max(20).default([]),
  /** People whose labels and reviews do not count: the account Hive itself uses, where it is a person's. Default: none. */
  ignore: z.array(login).max(20).default([]),
});
export type GitHubSettings = z.output<typeof githubSchema>;

/** Where a repository is. */
export interface GitHubPlace {
  /** `host/owner/name`, as credentials are looked up. */
  readonly place: string;
  /** `owner/name`. */
  readonly name: string;
  /** Such as `https://api.github.com`. */
  readonly apiUrl: string;
}

/** The repository of settings that were checked. */
export function placeOfRepo(settings: Pick<GitHubSettings, "repo">): GitHubPlace {
  const place = readRepo(settings.repo);
  if (place === null) throw new TypeError(`${settings.repo} is no repository`);
  return place;
}

/** The secrets that settings name. */
export function secretsOf({ token, webhookSecret }: GitHubSettings): readonly SecretPlace[] {
  return [token, webhookSecret].filter((place) => place !== undefined);
}

function readRepo(text: string): GitHubPlace | null {
  if (!URL.canParse(text)) return null;
  const { protocol, origin, host, pathname, username, password, search, hash } = new URL(text);
  const name = /^\/([A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+?)(?:\.git)?\/?$/.exec(pathname)?.[1];
  if (!/^https?:$/.test(protocol) || name === undefined || username + password + search + hash !== "") return null;
  return { place: `${host}/${name}`, name, apiUrl: apiUrlOf(origin, host) };
}

/** The public GitHub and those of `ghe.com` have a host for their API; an Enterprise server has a path. */
function apiUrlOf(origin: string, host: string): string {
  return host === "github.com" || /^[^.]+\.ghe\.com$/.test(host) ? `https://api.${host}` : `${origin}/api/v3`;
}
