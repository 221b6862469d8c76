/** The way from a job's issue to its GitHub: the API of its host, and the credential of its repository. */

import type { JobIssue } from "@hive/core";
import { CredentialError } from "../../credentials/credential-error.ts";
import type { RepoCredentials } from "../../credentials/repo-credentials.ts";
import type { Guard } from "../../guard/guard.ts";
import type { GuardedClient } from "../../guard/request.ts";
import { IssueRefused, writeComment } from "./issue-comment.ts";
import type { IssueTellerOptions } from "./issue-teller.ts";

const RETRY_MS = 60_000;

/** What the teller writes with. */
export function createIssueWriter(parts: {
  readonly guard: Guard;
  readonly client: GuardedClient;
  readonly credentials: Pick<RepoCredentials, "find">;
  /** The GitHub API of a host; null: it is no GitHub this server knows. */
  readonly apiFor: (host: string) => string | null;
}): IssueTellerOptions["write"] {
  return async ({ place, number }: JobIssue, comment) => {
    const [host = "", ...name] = place.split("/");
    const apiUrl = parts.apiFor(host);
    if (apiUrl === null) return null;
    let token: string | undefined;
    try {
      token = (await parts.credentials.find(place, "issues"))?.password;
    } catch (error) {
      if (!(error instanceof CredentialError)) throw error;
      throw new IssueRefused(error.message, error.passing ? RETRY_MS : null);
    }
    if (token === undefined) throw new IssueRefused(`repos: in hive.yaml has no credential for ${place}`, null);
    return writeComment(parts, { apiUrl: apiUrl.replace(/\/+$/, ""), token, name: name.join("/"), number }, comment);
  };
}
