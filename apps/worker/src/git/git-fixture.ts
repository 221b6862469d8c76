/** What the git tests share: a folder of its own, a server with real repositories in it, and git as a stranger would use it. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseRepoAddress, type RepoAddress } from "@hive/core";
import { type GitHttpServer, type GitUser, startGitHttpServer } from "../../../../test/peers/git-http-server.ts";
import { type GitCredential, tokenCredential } from "./credential.ts";
import { checkout, type CheckoutOptions, type Workspace } from "./checkout.ts";
import { createGit, type Git } from "./git.ts";
import type { PublishOptions } from "./publish.ts";
import type { PushAnnouncement } from "./push.ts";
import { createMirrors, type OwnMirrors } from "./mirror.ts";

/** The token every fixture server takes; a test may look for it anywhere. */
export const TOKEN = "ghp_fixture0Canary1Token2For3Hive4Tests5x";

/** A world of its own for one test file. */
export interface GitWorld {
  readonly folder: string;
  readonly git: Git;
  readonly mirrors: OwnMirrors;
  readonly server: GitHttpServer;
  readonly credential: GitCredential;
  /** A new bare repository with one commit on main; answers its path below the server's folder. */
  readonly makeRepo: (name: string, files?: Readonly<Record<string, string>>) => Promise<string>;
  readonly address: (repo: string) => RepoAddress;
  /** Adds a commit to a branch as somebody else would, with a clone of their own; answers the commit. */
  readonly commitElsewhere: (repo: string, branch: string, files: Readonly<Record<string, string>>) => string;
  /** A new empty folder. */
  readonly newFolder: (name: string) => string;
  readonly stop: () => Promise<void>;
}

/** Plain git for the test's own hands: isolated from the developer's settings, throws when it fails. */
export function plainGit(cwd: string, ...args: string[]): string {
  return execFileSync("git", args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_AUTHOR_NAME: "Somebody",
      GIT_AUTHOR_EMAIL: "somebody@example.com",
      GIT_COMMITTER_NAME: "Somebody",
      GIT_COMMITTER_EMAIL: "somebody@example.com",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
    },
  }).trim();
}

/** Writes files below a folder, making the folders between. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
}

/** Reads an address the way a server that allows everything would. */
export function anyAddress(raw: string): RepoAddress {
  const read = parseRepoAddress(raw, { allowFile: true, allowPlainHttp: () => true });
  if (!read.ok) throw new Error(read.message);
  return read;
}

/** Starts a world; `stop` it in `afterAll`. */
export async function startGitWorld(users?: Readonly<Record<string, GitUser>>): Promise<GitWorld> {
  const folder = mkdtempSync(join(tmpdir(), "hive-git-"));
  // An agent's own user has to be able to walk through to its working copy.
  chmodSync(folder, 0o711);
  const served = join(folder, "served");
  const privateFolder = join(folder, "private");
  mkdirSync(served);
  mkdirSync(privateFolder, { mode: 0o700 });
  const server = await startGitHttpServer({ dir: served, users: users ?? { "x-access-token": { password: TOKEN } } });
  const git = createGit({ privateFolder, path: process.env.PATH ?? "/usr/bin:/bin" });
  const mirrors = await createMirrors(git, join(folder, "mirrors"));
  let count = 0;
  const newFolder = (name: string): string => {
    count += 1;
    const path = join(folder, `${name}-${count}`);
    mkdirSync(path);
    chmodSync(path, 0o755);
    return path;
  };
  const commitElsewhere = (repo: string, branch: string, files: Readonly<Record<string, string>>): string => {
    const clone = newFolder("somebody");
    plainGit(clone, "clone", "-q", join(served, repo), ".");
    const there = plainGit(clone, "branch", "-r", "--list", `origin/${branch}`) !== "";
    plainGit(clone, "checkout", "-q", "-B", branch, there ? `origin/${branch}` : "HEAD");
    writeFiles(clone, files);
    plainGit(clone, "add", "-A");
    plainGit(clone, "commit", "-q", "-m", "by somebody else");
    plainGit(clone, "push", "-q", "origin", `HEAD:refs/heads/${branch}`);
    return plainGit(clone, "rev-parse", "HEAD");
  };
  return {
    folder,
    git,
    mirrors,
    server,
    credential: tokenCredential(TOKEN),
    newFolder,
    commitElsewhere,
    address: (repo) => anyAddress(`${server.url}/${repo}`),
    makeRepo: (name, files = { "README.md": "# a repository\n" }) => {
      const seed = newFolder("seed");
      plainGit(seed, "init", "-q", "-b", "main");
      writeFiles(seed, files);
      plainGit(seed, "add", "-A", "-f");
      plainGit(seed, "commit", "-q", "-m", "first");
      plainGit(served, "clone", "-q", "--bare", seed, name);
      return Promise.resolve(name);
    },
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A checkout in this world; throws when it fails. */
export async function openWorkspace(
  world: GitWorld,
  repo: string,
  extra: Partial<CheckoutOptions> = {},
): Promise<Workspace> {
  const made = await checkout({
    git: world.git,
    mirrors: world.mirrors,
    remote: { address: world.address(repo), credential: world.credential },
    jobId: "job-1",
    branch: null,
    base: null,
    folder: world.newFolder("attempt"),
    ...extra,
  });
  if (!made.ok) throw new Error(`${made.code}: ${made.message} ${made.stderr}`);
  return made;
}

/** What a job's end hands to `publish`; `announcements` gathers what was announced. */
export function publishOptions(
  world: GitWorld,
  workspace: Workspace,
  extra: Partial<PublishOptions> = {},
): PublishOptions & { readonly announcements: PushAnnouncement[] } {
  const announcements: PushAnnouncement[] = [];
  return {
    git: world.git,
    workspace,
    credential: world.credential,
    secrets: [TOKEN],
    announced: [],
    retryAfterMs: [10, 10],
    announce: (announcement) => Promise.resolve(announcements.push(announcement) > 0),
    message: "Work of job-1",
    killAgent: () => Promise.resolve(),
    announcements,
    ...extra,
  };
}

/** A commit in a working copy, as an agent would make it; answers the commit. */
export function commitInside(repo: string, files: Readonly<Record<string, string>>, message = "by the agent"): string {
  writeFiles(repo, files);
  plainGit(repo, "add", "-A");
  plainGit(repo, "commit", "-q", "-m", message);
  return plainGit(repo, "rev-parse", "HEAD");
}
