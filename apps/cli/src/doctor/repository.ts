/** What a token may do in a repository: asked of GitHub's API for GitHub addresses, of git for all others. */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { environment } from "../config.ts";
import type { Check } from "./checkup.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 15_000;

/** The checks of one repository. */
export async function checkRepository(repo: string, tokenFile: string | undefined): Promise<Check[]> {
  const env = environment();
  const token = tokenFile === undefined ? env["GITHUB_TOKEN"] : readFileSync(tokenFile, "utf8").trim();
  const api = (env["GITHUB_API_URL"] || "https://api.github.com").replace(/\/+$/, "");
  let url: URL;
  try {
    url = new URL(repo);
  } catch {
    return [
      { name: "Repository", state: "bad", text: `${repo} is not an address Hive takes; use https://host/owner/name` },
    ];
  }
  const apiHost = new URL(api).host;
  const [owner, name] = url.pathname
    .slice(1)
    .replace(/\.git$/, "")
    .split("/");
  if (url.host === (apiHost === "api.github.com" ? "github.com" : apiHost) && owner && name) {
    return askGitHub(`${api}/repos/${encodeURIComponent(owner)}/${encodeURIComponent(name)}`, token);
  }
  return [await askGit(url.href)];
}

async function askGitHub(address: string, token: string | undefined): Promise<Check[]> {
  const headers = { accept: "application/vnd.github+json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const name = "Repository";
  let response: Response;
  try {
    response = await fetch(address, { headers, redirect: "follow", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return [
      { name, state: "bad", text: `${new URL(address).host} did not answer; GITHUB_API_URL names another GitHub` },
    ];
  }
  if (response.status === 401)
    return [{ name, state: "bad", text: "GitHub refused the token: it is wrong or expired" }];
  if (response.status === 404) {
    return [
      {
        name,
        state: "bad",
        text: token
          ? "the token cannot see this repository: give it access to it"
          : "not found without a token: set GITHUB_TOKEN, or --github-token-file",
      },
    ];
  }
  if (!response.ok) return [{ name, state: "bad", text: `GitHub answered ${response.status}` }];
  const body = (await response.json()) as {
    permissions?: { push?: boolean };
    default_branch?: string;
    archived?: boolean;
  };
  const push = body.permissions?.push === true;
  const pulls = await fetch(`${address}/pulls?per_page=1`, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return [
    {
      name,
      state: body.archived ? "bad" : "ok",
      text: body.archived
        ? "is archived: nothing can be pushed"
        : `is there, default branch ${body.default_branch ?? "unknown"}`,
    },
    push
      ? { name: "Push", state: "ok", text: "this token may push" }
      : { name: "Push", state: "bad", text: 'this token may not push: it needs "Contents: read and write"' },
    pulls.ok
      ? {
          name: "Pulls",
          state: "ok",
          text: 'this token sees pull requests; to open one it needs "Pull requests: read and write"',
        }
      : {
          name: "Pulls",
          state: "bad",
          text: 'this token sees no pull requests: it needs "Pull requests: read and write"',
        },
  ];
}

async function askGit(url: string): Promise<Check> {
  try {
    await run("git", ["-c", "credential.helper=", "ls-remote", "--heads", "--", url], {
      timeout: TIMEOUT_MS,
      env: { ...environment(), GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "true" },
    });
    return { name: "Repository", state: "ok", text: "answers without a credential; pushing is tried by the first job" };
  } catch {
    return {
      name: "Repository",
      state: "bad",
      text: `${url} does not answer without a credential: name one in hive.yaml (repos:), or send githubToken with the job`,
    };
  }
}
