/**
 * Which credential opens a repository: the job's own token first, else the first rule of `repos:` in hive.yaml that fits.
 * It is read when a lease asks for it, so a rotated token counts for the next job, and never kept.
 */

import { readFile } from "node:fs/promises";
import { CredentialError } from "./credential-error.ts";
import { type CredentialPurpose, installationToken } from "./github-app.ts";
import { ruleFor, type RepoRule, type SecretPlace } from "./repo-rules.ts";

/** What git presents over https. */
export interface GitCredential {
  readonly username: string;
  readonly password: string;
}

export interface RepoCredentialsOptions {
  readonly rules: readonly RepoRule[];
  readonly githubApiUrl: string;
  /** The server's environment, for rules that name a variable. */
  readonly variable: (name: string) => string | undefined;
  readonly wall: () => number;
}

export interface RepoCredentials {
  /** The credential for `host/owner/name`, or null when no rule has one. Default: to push. @throws CredentialError */
  find(place: string, purpose?: CredentialPurpose): Promise<GitCredential | null>;
}

/** The credentials of hive.yaml. */
export function createRepoCredentials(options: RepoCredentialsOptions): RepoCredentials {
  async function secretAt(place: SecretPlace, match: string): Promise<string> {
    if ("env" in place) {
      const value = options.variable(place.env);
      if (value !== undefined && value !== "") return value;
      throw new CredentialError(`repos: ${match}: the variable ${place.env} is not set on this server`);
    }
    try {
      return (await readFile(place.file, "utf8")).trim();
    } catch (cause) {
      throw new CredentialError(`repos: ${match}: ${place.file} cannot be read on this server`, { cause });
    }
  }

  return {
    async find(place, purpose = "push") {
      const rule = ruleFor(options.rules, place);
      if (rule?.token !== undefined)
        return { username: rule.username, password: await secretAt(rule.token, rule.match) };
      if (rule?.app === undefined) return null;
      const password = await installationToken({
        apiUrl: options.githubApiUrl,
        appId: rule.app.id,
        privateKey: await secretAt(rule.app.privateKey, rule.match),
        place,
        purpose,
        wall: options.wall(),
      });
      return { username: "x-access-token", password };
    },
  };
}

/**
 * The GitHub API a repository's host belongs to, or null when the host is no GitHub this server knows: github.com, or
 * the host of GITHUB_API_URL.
 */
export function githubApiFor(host: string, githubApiUrl: string): string | null {
  const api = new URL(githubApiUrl);
  const apiHost = api.host === "api.github.com" ? "github.com" : api.host;
  return host.toLowerCase() === apiHost.toLowerCase() ? githubApiUrl : null;
}
