/** The credential of one job's repository: its own token, else what the operator's rules name. */

import { HiveError, type Job, parseRepoAddress, secretId } from "@hive/core";
import type { Logger } from "pino";
import type { Queue } from "../queue/contract.ts";
import { CredentialError } from "./credential-error.ts";

/** A login for a git host. */
export interface GitLogin {
  readonly username: string;
  readonly password: string;
}

/** Credentials for a job's repository, found by the operator's rules. */
export interface CredentialFinder {
  /** For `host/owner/name`; null when no rule has one. @throws when a rule's credential cannot be had; its message is for the log. */
  find(place: string): Promise<GitLogin | null>;
}

export interface JobCredentialOptions {
  readonly queue: Pick<Queue, "documents">;
  readonly credentials: CredentialFinder;
  /** Opens a sealed secret of a job. @throws when it cannot be opened. */
  readonly openSecret: (jobId: string, name: string, sealed: unknown) => string;
  readonly log: Pick<Logger, "warn">;
}

/**
 * Finds the login for a job's repository; null: none is known, public repositories work without.
 * The function @throws HiveError `not_ready` when there is one that cannot be had right now.
 */
export function createJobCredential(options: JobCredentialOptions): (job: Job) => Promise<GitLogin | null> {
  const { queue, credentials, openSecret, log } = options;
  return async (job) => {
    if (job.secrets.includes("githubToken")) {
      const [doc] = await queue.documents.get([{ collection: "secrets", id: secretId(job.id, "githubToken") }]);
      if (doc !== null && doc !== undefined) {
        return { username: "x-access-token", password: openSecret(job.id, "githubToken", doc["sealed"]) };
      }
    }
    const place = placeOf(job.repo);
    if (place === null) return null;
    try {
      return await credentials.find(place.path);
    } catch (err) {
      if (err instanceof CredentialError && err.passing) {
        throw new HiveError("not_ready", `The repository's credential cannot be had right now: ${err.message}`, {
          retryAfterMs: 5_000,
        });
      }
      // The worker can do nothing about the operator's file or variable: it says "token needed", the log says why.
      log.warn({ err, jobId: job.id }, "the credential of a repository cannot be had");
      return null;
    }
  };
}

/** Where a stored repository is; null for a folder of this machine. */
export function placeOf(repo: string): { readonly host: string; readonly path: string } | null {
  const address = parseRepoAddress(repo, { allowFile: true, allowPlainHttp: () => true });
  return address.ok && address.kind !== "file" ? { host: address.host, path: `${address.host}/${address.path}` } : null;
}
