/** A real Hive in the middle of a day: jobs of every kind and status, made by real workers from real repositories. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NewJobRequest } from "@hive/sdk";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { type HiveProcess, startHive } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";

export interface LivelyHive {
  readonly server: HiveProcess;
  readonly git: GitHost;
  /** The address of a repository. */
  repo(name: string): string;
  /** Lets a job of `waiting` go on. */
  open(jobId: string): void;
  dispose(): Promise<void>;
}

const HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe \u001b[31mred";

/** Starts it and puts the jobs in; resolves once each is where it is to be. */
export async function startLivelyHive(yaml: (host: string) => string = () => ""): Promise<LivelyHive> {
  const git = await startGitHost();
  for (const name of ["acme/shop.git", "acme/site.git", "asks/app.git"]) git.makeRepo(name, FILES);
  const host = new URL(git.server.url).host;
  const server = await startHive({
    env: { HIVE_AGENT: "demo", HIVE_WORKERS: "2" },
    yaml: `repos: [{ match: "${host}/asks/*", approve: start }]\n${yaml(host)}`,
  });
  const gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
  const repo = (name: string): string => `${git.server.url}/${name}.git`;
  const waiting = (jobId: string): string =>
    `printf '\\033[32mbuilding\\033[0m\\n'; hive-progress 40 "half of it"; while [ ! -e ${join(gates, jobId)} ]; do sleep 0.1; done`;

  const jobs: readonly (NewJobRequest & { readonly jobId: string })[] = [
    {
      jobId: "add-quick-start",
      repo: repo("acme/shop"),
      task: "agent",
      instructions: "Add a quick start to the README",
    },
    {
      jobId: "numbers",
      repo: repo("acme/shop"),
      task: "script",
      script: "seq 1 2000; printf '\\033[1;31mred\\033[0m\\n'",
    },
    {
      jobId: "red-tests",
      repo: repo("acme/site"),
      task: "script",
      script: "echo 'expected 2, got 3' >&2; exit 1",
      role: "tester",
    },
    {
      jobId: "hostile",
      repo: repo("acme/site"),
      task: "script",
      script: "printf '<script>alert(1)</script>\\n'",
      metadata: { title: HOSTILE },
    },
    { jobId: "needs-approval", repo: repo("asks/app"), task: "script", script: "true" },
    { jobId: "at-work", repo: repo("acme/site"), task: "script", script: waiting("at-work"), role: "builder" },
    { jobId: "after-that", repo: repo("acme/site"), task: "script", script: "true", dependsOn: ["at-work"] },
    {
      jobId: "tomorrow",
      repo: repo("acme/shop"),
      task: "script",
      script: "true",
      runAt: new Date(Date.now() + 86_400_000).toISOString(),
    },
    { jobId: "nobody-for-it", repo: repo("acme/shop"), task: "test", labels: ["gpu"] },
  ];
  try {
    for (const job of jobs) await server.hive.enqueue(job);
    for (const jobId of ["add-quick-start", "numbers", "red-tests", "hostile", "needs-approval"])
      await server.over(jobId);
    await until("at-work to be at work", async () => (await server.hive.get("at-work")).phase === "run");
  } catch (error) {
    await server.dispose().catch(() => undefined);
    await git.stop();
    throw error;
  }
  return {
    server,
    git,
    repo,
    open: (jobId) => writeFileSync(join(gates, jobId), ""),
    dispose: async () => {
      await Promise.all([server.dispose(), git.stop()]);
    },
  };
}

const FILES = {
  "README.md": "# Shop\n\nSells honey.\n",
  "src/price.js": "export const price = (jars) => jars * 7;\n",
};
