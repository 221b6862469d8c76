/** A whole worker before a GitHub Enterprise (git and the API under one host) and a scripted dispatcher. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FinishRequest, LeasedJob } from "@hive/protocol";
import { pino } from "pino";
import { type GitHubApi, type GitHubRepository, startGitHubApi } from "../../../test/peers/github/github-api.ts";
import type { AgentAdapter } from "./agents/contract.ts";
import { readConfig } from "./config.ts";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "./git/git-fixture.ts";
import type { GitHubTarget } from "./github/github.ts";
import { machineClock } from "./loops/clock.ts";
import { type ScriptedDispatcher, startScriptedDispatcher, until } from "./loops/scripted-dispatcher.fixture.ts";
import { startWorker } from "./start-worker.ts";
import { createTasks, JOB_PROGRAMS } from "./tasks/tasks.ts";
import { openWay } from "./way/way-to-server.ts";

export interface GitHubWorld {
  readonly git: GitWorld;
  readonly api: GitHubApi;
  readonly dispatcher: ScriptedDispatcher;
  /** The agents of the worker; a test adds its own. */
  readonly agents: AgentAdapter[];
  /** The API as a job sees it. */
  readonly target: GitHubTarget;
  /** Runs a job of `acme/app` to its end. `purpose`: what the lease is for, by default the work. */
  outcomeOf(job: Partial<LeasedJob>, purpose?: "work" | "publish"): Promise<FinishRequest["outcome"]>;
  /** The whole log of the job that ended last. */
  lastLog(): string;
  /** Plain git in the served repository. */
  served(...args: string[]): string;
  stop(): Promise<void>;
}

/** An attempt that did well, as the next one is told of it. */
export const REPORT: NonNullable<LeasedJob["report"]> = {
  generation: 1,
  unpublished: null,
  end: "succeeded",
  error: null,
  summary: "Write notes",
  verdict: null,
  diffStat: null,
  branch: null,
  commit: null,
  noChanges: false,
  pullRequest: null,
  salvage: null,
  agent: null,
};

function oneHost(git: string, api: string): Server {
  return createServer((incoming, outgoing) => {
    const target = new URL(incoming.url?.startsWith("/api/v3") === true ? api : git);
    const { method, url, headers } = incoming;
    const passed = request({ host: target.hostname, port: target.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
}

/** Starts one; `repository.branches` are those the API takes pull requests of, and `files` what main holds. */
export async function startGitHubWorld(
  repository: GitHubRepository,
  files?: Readonly<Record<string, string>>,
): Promise<GitHubWorld> {
  const git = await startGitWorld();
  await git.makeRepo("acme/app.git", files);
  const api = await startGitHubApi({
    prefix: "/api/v3",
    tokens: { [TOKEN]: {} },
    repositories: { "acme/app": { private: true, ...repository } },
  });
  const front = oneHost(git.server.url, api.url);
  await new Promise<void>((resolve) => {
    front.listen(0, "127.0.0.1", resolve);
  });
  const host = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const dispatcher = await startScriptedDispatcher();
  dispatcher.secrets = { git: git.credential, githubApiUrl: `${host}/api/v3` };
  const data = await mkdtemp(join(tmpdir(), "hive-publish-"));
  await chmod(data, 0o711);
  const secret = "s".repeat(32);
  const env = { HIVE_URL: dispatcher.url, CALLBACK_SECRET: secret, HIVE_WORKER_DATA: data };
  const config = readConfig({ ...env, HIVE_AGENT_UID_BASE: String(53_000 + (process.pid % 5_000)) });
  const way = await openWay(config, machineClock, () => undefined);
  const agents: AgentAdapter[] = [];
  const worker = await startWorker({
    config,
    credential: { kind: "secret", secret },
    way,
    clock: { ...machineClock, after: (ms, act) => machineClock.after(ms < 5_000 ? Math.min(ms, 20) : ms, act) },
    log: pino({ level: "silent" }),
    version: "test",
    agents: [],
    tools: Promise.resolve({}),
    mustReach: JOB_PROGRAMS,
    tasksWith: (own) => createTasks({ ...config, llmUrl: way.llmUrl, git: own, agents }),
  });
  return {
    git,
    api,
    dispatcher,
    agents,
    target: { apiUrl: `${host}/api/v3`, token: TOKEN, owner: "acme", repo: "app" },
    async outcomeOf(job, purpose = "work") {
      const offered = { repo: `${host}/acme/app.git`, task: "changes", ...job };
      const { token } = await dispatcher.offer(offered, { purpose });
      const finish = (): FinishRequest | undefined =>
        dispatcher.callsOf("leaseFinish").find((call) => call.token === token)?.body as FinishRequest | undefined;
      return (await until("the end", finish)).outcome;
    },
    lastLog: () => [...dispatcher.log.values()].at(-1)?.toString() ?? "",
    served: (...args) => plainGit(join(git.folder, "served", "acme/app.git"), ...args),
    async stop() {
      worker.stopNow("the test is over");
      await worker.done;
      await dispatcher.close();
      front.closeAllConnections();
      front.close();
      await api.stop();
      await git.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
