/**
 * `npm run demo`: the whole way on one machine. Starts the real server with SQLite and two workers, makes a small git
 * repository, puts real jobs in, shows what each is doing, and checks in the repository itself that the branches are there.
 */

import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createHive, type HiveClient, type JobDetail } from "@hive/sdk";
import { loadCliConfig } from "../config.ts";
import { duration, table, type Output } from "../output.ts";
import { demoJobs } from "./demo-jobs.ts";
import { branchHead, makeRepository } from "./demo-repository.ts";
import { startServer } from "./demo-server.ts";
import { LiveLines } from "./live-lines.ts";

export interface DemoOptions {
  /** End when the jobs are over, instead of staying up. */
  readonly exit: boolean;
  readonly output: Output;
}

/** Runs the demo; gives the exit code: 0 only if every job succeeded and its branch is in the repository. */
export async function runDemo({ exit, output }: DemoOptions): Promise<number> {
  const config = loadCliConfig();
  // A folder of its own, new each time: the demo never touches the jobs of a real server.
  const dataDir = join(config.dataDir, "demo");
  await rm(dataDir, { recursive: true, force: true });
  const repository = resolve(dataDir, "greeter.git");
  await makeRepository(repository);
  output.say(`Starting Hive with SQLite in ${dataDir}, and a git repository to work on.`);
  const server = await startServer(dataDir);
  try {
    output.say(`Hive is up at ${server.url}.\n`);
    const token = loadCliConfig({ HIVE_DATA: dataDir }).token ?? "";
    const hive = createHive({ url: server.url, token });
    const jobs = await runJobs(hive, pathToFileURL(repository).href, output);
    const heads = await Promise.all(jobs.map((job) => branchHead(repository, job.result?.branch ?? "")));
    const good = jobs.every(
      (job, i) => job.status === "succeeded" && heads[i] !== null && heads[i] === job.result?.commit,
    );
    output.answer({ ok: good, jobs }, () => `\n${summary(jobs, heads)}\n`);
    output.say(hints(jobs, repository, dataDir, good));
    if (exit) return good ? 0 : 1;
    output.say(`\nHive stays up. Ctrl-C ends it. See it in a browser: ${server.url}`);
    output.say(`To sign in there: HIVE_DATA=${dataDir} npm run hive -- token`);
    await Promise.race([signaled(), server.ended]);
    return good ? 0 : 1;
  } finally {
    await server.stop();
  }
}

/** Resolves at the first signal; those that follow it (npm hands a Ctrl-C on a second time) do not cut the stop short. */
function signaled(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => resolve());
  });
}

async function runJobs(hive: HiveClient, repo: string, output: Output): Promise<JobDetail[]> {
  const requests = demoJobs(repo);
  const lines = output.quiet ? null : new LiveLines();
  const watching = new AbortController();
  const watch = watchPhases(hive, watching.signal, (jobId, text) => lines?.set(jobId, text));
  await hive.enqueueAll(requests);
  const jobs = await Promise.all(requests.map((request) => hive.wait(request.jobId ?? "", { held: true })));
  for (const job of jobs) lines?.set(job.jobId, job.reason === null ? job.status : `${job.status}: ${job.reason}`);
  watching.abort();
  await watch;
  return jobs;
}

async function watchPhases(
  hive: HiveClient,
  signal: AbortSignal,
  show: (jobId: string, text: string) => void,
): Promise<void> {
  for await (const { type, jobId, data } of hive.events({ after: 0, signal })) {
    if (jobId === null || type === "job.agent") continue;
    const { phase, message, percent } = data;
    if (type !== "job.progress") show(jobId, type.slice("job.".length));
    else
      show(
        jobId,
        [phase, typeof percent === "number" ? `${percent} %` : null, message]
          .filter((part) => typeof part === "string")
          .join(" · "),
      );
  }
}

function summary(jobs: readonly JobDetail[], heads: readonly (string | null)[]): string {
  const rows = jobs.map((job, i) => [
    job.jobId,
    job.reason === null ? job.status : `${job.status}: ${job.reason}`,
    job.result?.branch ?? "-",
    heads[i] === null ? "not in the repository" : (heads[i] ?? "-").slice(0, 10),
    job.result?.phases.map((phase) => `${phase.name} ${duration(phase.ms)}`).join(", ") ?? job.error?.message ?? "-",
  ]);
  return table(["JOB", "STATUS", "BRANCH", "COMMIT", "TIME BY PHASE"], rows);
}

function hints(jobs: readonly JobDetail[], repository: string, dataDir: string, good: boolean): string {
  const [first] = jobs;
  if (!good || first === undefined)
    return `Not every job succeeded. See: HIVE_DATA=${dataDir} npm run hive -- show ${first?.jobId ?? ""}`;
  return [
    "Every branch is in the repository. See a diff that was pushed:",
    `  git --git-dir ${repository} show ${first.result?.branch ?? ""}`,
    `  HIVE_DATA=${dataDir} npm run hive -- show ${first.jobId} --diff`,
  ].join("\n");
}
