/** What a job in a container has of the server's mirrors: its own repository, to read, and nothing else. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import type { HiveProcess } from "../e2e/hive-process.ts";
import { until } from "../e2e/until.ts";
import { startFleetHive, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

const TOKEN = "ghp_mirrored0Canary1Token2For3Container4Tests";
const WORKERS = 5;

describe.skipIf(isMissing)("the mirror of a job in a container", () => {
  let host: GitHost;
  let hive: HiveProcess;

  beforeAll(async () => {
    host = await startGitHost({ "x-access-token": { password: TOKEN } });
    hive = await startFleetHive(engine, { env: { HIVE_WORKERS: String(WORKERS) } });
  });
  afterAll(async () => {
    await hive?.dispose();
    await host?.stop();
    await untilEngineIsEmpty(engine.socket, 60_000);
  });

  async function logOf(jobId: string): Promise<string> {
    return (await hive.fetch(`/v1/jobs/${jobId}/logs`)).text();
  }

  /** What is handed out, as the server's machine sees it. */
  function handOuts(): string[] {
    const folder = join(hive.data, "mirrors", "handouts");
    return readdirSync(folder).flatMap((worker) => readdirSync(join(folder, worker)).map((name) => join(worker, name)));
  }

  test("is read through its own hand-out, which it cannot change, beside which it sees none", async () => {
    const repo = host.makeRepo("private.git", { "a.txt": "for members\n" });
    const other = host.makeRepo("others.git", { "b.txt": "of somebody else\n" });
    const waits = `echo ready; while [ ! -e go ] && [ "$((n=n+1))" -lt 600 ]; do sleep 0.1; done`;
    await hive.hive.enqueue({ jobId: "other", repo: other, githubToken: TOKEN, task: "script", script: waits });
    await until("the other job", async () => (await logOf("other")).includes("ready"), {
      more: () => hive.printed().slice(-4_000),
    });
    const script = [
      'lent=$(cat .git/objects/info/alternates); echo "borrows $lent"',
      'echo "files $(cat a.txt)"',
      'echo "workers $(ls /mirrors/handouts)"',
      'echo "own folder $(ls "$(dirname "$(dirname "$lent")")" 2>&1)"',
      'echo "found $(find /mirrors -name "*.git" 2>/dev/null | wc -l)"',
      'touch "$lent/pack/x" 2>&1 || rm -rf "$lent" 2>&1 || true; echo "still $(ls "$lent/pack" | grep -c "\\.pack$")"',
      "git fsck 2>&1 && echo whole",
      "echo mine > mine.txt",
    ].join("\n");
    const job = await hive.run({ jobId: "reads", repo, githubToken: TOKEN, task: "script", script });
    const log = await logOf("reads");
    expect(job.status, log).toBe("succeeded");
    const worker = job.history[0]?.workerId;
    expect(log).toMatch(new RegExp(`borrows /mirrors/handouts/${worker}/[0-9a-f]{32}\\.git/objects`));
    expect(log).toContain("files for members");
    expect(log).toContain(`workers ${worker}\n`);
    expect(log).toMatch(/own folder ls: .*Permission denied/);
    expect(log).toContain("found 0");
    expect(log).toMatch(/touch: .*(Read-only file system|Permission denied)/);
    expect(log).toContain("still 1");
    expect(log).toContain("whole");
    expect(host.read("private.git", "hive/reads", "mine.txt")).toBe("mine");
    await hive.hive.cancel("other");
    await hive.over("other");
    await until("the hand-outs to go", () => handOuts().length === 0);
  });

  test("is lent to all jobs that come at once, and goes with them", async () => {
    const repo = host.makeRepo("shared.git", { "big.txt": "line\n".repeat(50_000) });
    const jobs = Array.from({ length: WORKERS }, (_, at) => ({
      jobId: `shared-${at}`,
      repo,
      githubToken: TOKEN,
      task: "script" as const,
      script: `echo ${at} > out.txt`,
    }));
    await hive.hive.enqueueAll(jobs);
    const ended = await Promise.all(jobs.map(({ jobId }) => hive.over(jobId)));
    expect(ended.map(({ status, error }) => [status, error])).toEqual(jobs.map(() => ["succeeded", null]));
    await until("the hand-outs to go", () => handOuts().length === 0);
  });

  test("goes with its container when that is killed from outside", async () => {
    const repo = host.makeRepo("killed.git");
    const script = "echo ready; sleep 4712";
    const { jobId } = await hive.hive.enqueue({ repo, githubToken: TOKEN, task: "script", script });
    await until("the script", async () => (await logOf(jobId)).includes("ready"), {
      more: () => hive.printed().slice(-4_000),
    });
    expect(handOuts()).toHaveLength(1);
    await hive.hive.cancel(jobId);
    await hive.over(jobId);
    await until("the hand-out to go", () => handOuts().length === 0);
  });
});
