/**
 * A git host for the scenarios: bare repositories behind the real `git http-backend`, and git as a stranger would use it
 * to put files in and to look at what a job pushed.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type GitHttpServer, type GitUser, startGitHttpServer } from "../peers/git-http-server.ts";

/** Files by path. */
export type Files = Readonly<Record<string, string>>;

export interface GitHost {
  readonly server: GitHttpServer;
  /** A new bare repository with one commit on `main`; answers the address a job would name. */
  makeRepo(name: string, files?: Files): string;
  /** Where a repository's bare folder is. */
  path(name: string): string;
  /** A file as it is on a branch, from a fresh clone; null when the branch has none. */
  read(name: string, branch: string, file: string): string | null;
  /** The commit of a branch; null when it is not there. */
  head(name: string, branch: string): string | null;
  /** A commit by somebody else, on a branch that may be new. */
  commit(name: string, branch: string, files: Files): string;
  /** Installs a hook, as the host's own administrator would. */
  hook(name: string, hook: string, text: string): void;
  stop(): Promise<void>;
}

/** git with nobody's settings. @throws when it fails. */
export function git(cwd: string, ...args: string[]): string {
  return execFileSync("git", args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_AUTHOR_NAME: "Somebody",
      GIT_AUTHOR_EMAIL: "somebody@example.com",
      GIT_COMMITTER_NAME: "Somebody",
      GIT_COMMITTER_EMAIL: "somebody@example.com",
    },
  }).trim();
}

/** Starts a host; without `users` anybody may read and push. It listens on `address`, by default 127.0.0.1. */
export async function startGitHost(users?: Readonly<Record<string, GitUser>>, address?: string): Promise<GitHost> {
  const folder = mkdtempSync(join(tmpdir(), "hive-e2e-git-"));
  const served = join(folder, "served");
  mkdirSync(served);
  const server = await startGitHttpServer({
    dir: served,
    ...(users === undefined ? {} : { users }),
    ...(address === undefined ? {} : { host: address }),
  });
  const path = (name: string): string => join(served, name);
  const inWork = <T>(use: (work: string) => T): T => {
    const work = mkdtempSync(join(folder, "work-"));
    try {
      return use(work);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  };
  const head = (name: string, branch: string): string | null => {
    const found = git(path(name), "for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`);
    return found === "" ? null : found;
  };
  const commit = (name: string, branch: string, files: Files): string =>
    inWork((work) => {
      git(work, "clone", "-q", path(name), ".");
      git(work, "checkout", "-q", "-B", branch, head(name, branch) === null ? "HEAD" : `origin/${branch}`);
      writeFiles(work, files);
      git(work, "add", "--all", "--force");
      git(work, "commit", "-q", "-m", "by somebody else");
      git(work, "push", "-q", "origin", `HEAD:refs/heads/${branch}`);
      return git(work, "rev-parse", "HEAD");
    });
  return {
    server,
    path,
    head,
    commit,
    makeRepo: (name, files = { "README.md": "# A repository\n" }) => {
      mkdirSync(path(name), { recursive: true });
      git(path(name), "init", "-q", "--bare", "-b", "main");
      inWork((work) => {
        git(work, "init", "-q", "-b", "main");
        writeFiles(work, files);
        git(work, "add", "--all", "--force");
        git(work, "commit", "-q", "--allow-empty", "-m", "first");
        git(work, "push", "-q", path(name), "main");
      });
      return `${server.url}/${name}`;
    },
    read: (name, branch, file) =>
      inWork((work) => {
        if (head(name, branch) === null) return null;
        git(work, "clone", "-q", "--branch", branch, path(name), ".");
        if (git(work, "ls-files", "--", file) === "") return null;
        return git(work, "show", `HEAD:${file}`);
      }),
    hook: (name, hook, text) => {
      const file = join(path(name), "hooks", hook);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      chmodSync(file, 0o755);
    },
    stop: async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function writeFiles(folder: string, files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    const full = join(folder, name);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }
}
