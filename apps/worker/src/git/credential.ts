/**
 * Lends a credential to one git command. The password goes through a named pipe in a folder only the supervisor can
 * enter: it is never in an argument, an address, an environment, a file or a git configuration, and is gone from the
 * kernel the moment the command ends. The helper is bound to one host, so a redirect to another host gets nothing.
 */
import { execFile } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { RepoAddress } from "@hive/core";

/** A login for a git host. */
export interface GitCredential {
  readonly username: string;
  readonly password: string;
}

/** Makes a username and password of a bare token, the way GitHub, GitLab and Gitea take it. */
export function tokenCredential(token: string): GitCredential {
  return { username: "x-access-token", password: token };
}

/** What a git command needs to use a lent credential, and how to take it back. */
export interface Loan {
  readonly config: readonly (readonly [string, string])[];
  readonly env: Readonly<Record<string, string>>;
  /** Ends the loan; safe to call twice. */
  readonly end: () => Promise<void>;
}

const PIPE_VARIABLE = "HIVE_CREDENTIAL_PIPE";
// Git asks once for each connection it begins; a few answers lie ready because a pipe gives each only once.
const ANSWERS = 4;
// `read` takes one byte at a time from a pipe, so each call of the helper takes exactly one answer.
const HELPER = `!f() { test "$1" = get || exit 0; { IFS= read -r u; IFS= read -r p; } <"$${PIPE_VARIABLE}"; printf '%s\\n%s\\n' "$u" "$p"; }; f`;

const execute = promisify(execFile);

/**
 * Lends `credential` for `address`. `folder` is private to the supervisor. Throws if the credential holds a line break
 * (the edge refuses such tokens) or the pipe cannot be made.
 */
export async function lendCredential(
  credential: GitCredential,
  address: RepoAddress,
  folder: string,
  path: string,
): Promise<Loan> {
  const answer = `username=${credential.username}\npassword=${credential.password}\n`;
  if (/[\r\n\0]/.test(credential.username) || /[\r\n\0]/.test(credential.password)) {
    throw new RangeError("a git credential must not hold a line break");
  }
  const place = await mkdtemp(join(folder, "credential-"));
  const pipe = join(place, "pipe");
  let handle: number | null = null;
  const end = async (): Promise<void> => {
    if (handle !== null) closeSync(handle);
    handle = null;
    await rm(place, { recursive: true, force: true });
  };
  try {
    await execute("mkfifo", ["-m", "600", pipe], { env: { PATH: path } });
    // Opened for both directions the pipe keeps its content without a reader and never blocks us.
    handle = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    for (let count = 0; count < ANSWERS; count += 1) writeSync(handle, answer);
  } catch (error) {
    await end();
    throw error;
  }
  const origin = `${address.kind}://${address.host}`;
  return { config: [[`credential.${origin}.helper`, HELPER]], env: { [PIPE_VARIABLE]: pipe }, end };
}
