/**
 * A GitHub Enterprise server for the scenarios: git and the REST API on one host, as there. Behind the address stand the
 * real `git http-backend` and the API server that GitHub's own OpenAPI description judges.
 */
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { type GitHubApi, type GitHubRepository, type GitHubToken, startGitHubApi } from "../peers/github/github-api.ts";
import { type GitHost, startGitHost } from "./git-host.ts";

export interface GitHubHost {
  /** Repositories are below it. */
  readonly url: string;
  /** What `GITHUB_API_URL` is for it. */
  readonly apiUrl: string;
  readonly git: GitHost;
  readonly api: GitHubApi;
  stop(): Promise<void>;
}

/** Starts both behind one port. */
export async function startGitHubHost(options: {
  readonly tokens: Readonly<Record<string, GitHubToken>>;
  readonly repositories: Readonly<Record<string, GitHubRepository>>;
}): Promise<GitHubHost> {
  const git = await startGitHost();
  const api = await startGitHubApi({
    ...options,
    prefix: "/api/v3",
    headOf: (repository, branch) => git.head(`${repository}.git`, branch),
  });
  const server = createServer((incoming, answer) => {
    const target = incoming.url?.startsWith("/api/v3/") ? new URL(api.url) : new URL(git.server.url);
    const { method, headers, url } = incoming;
    const passed = request({ host: target.hostname, port: target.port, method, path: url, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    apiUrl: `${url}/api/v3`,
    git,
    api,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await api.stop();
      await git.stop();
    },
  };
}
