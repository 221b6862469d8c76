/** Dependency caches from one job to the next: who fills them, who finds them, and who does not. */
import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";

let git: GitHost;
let server: HiveProcess;

beforeAll(async () => {
  git = await startGitHost();
  server = await startHive({ env: { HIVE_AGENT: "demo", HIVE_LEASE_MS: "15000", HIVE_CACHE_BYTES: "3000000" } });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

const CONFIG = `
caches: [deps, ~/.store]
setup: "[ -e deps/x ] || { mkdir -p deps ~/.store; date +%s%N > deps/x; cp deps/x ~/.store/x; }"
build: cmp deps/x ~/.store/x
test: echo "found $(cat deps/x)"
`;

let jobs = 0;
const makeRepo = (name: string, config = CONFIG): string => git.makeRepo(name, { ".hive/config.yaml": config });
const run = async (job: Omit<NewJobRequest, "jobId">): Promise<{ job: JobDetail; log: string }> => {
  jobs += 1;
  const jobId = `caches-${jobs}`;
  const end = await server.run({ jobId, ...job });
  return { job: end, log: await (await server.fetch(`/v1/jobs/${jobId}/logs`)).text() };
};
const linesOf = (log: string): string[] => [...log.matchAll(/^caches: .*$/gm)].map(([line]) => line);
/** What the job found in its cache, or made. */
const foundBy = async (repo: string): Promise<string> =>
  /^found (\d+)$/m.exec((await run({ repo, task: "script", script: 'echo "found $(cat deps/x)"' })).log)?.[1] ?? "";
/** Files of the caches on the server. */
const files = (): string[] =>
  readdirSync(join(server.data, "caches"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".cache"),
  );

test("a build on the base branch fills the cache, later jobs of the repository find it, another repository does not", async () => {
  const repo = makeRepo("filled.git");
  const first = await run({ repo, task: "build" });
  expect(first.job).toMatchObject({ status: "succeeded" });
  expect(linesOf(first.log)).toEqual([
    "caches: deps is not there yet",
    "caches: ~/.store is not there yet",
    expect.stringMatching(/^caches: deps kept: \d+ bytes in \d+ ms$/),
    expect.stringMatching(/^caches: ~\/\.store kept: \d+ bytes in \d+ ms$/),
  ]);
  expect(first.job.result?.phases.map(({ name }) => name)).toEqual(["prepare", "caches", "setup", "run", "report"]);

  const second = await run({ repo, task: "test" });
  expect(linesOf(second.log)).toEqual([
    expect.stringMatching(/^caches: deps restored: \d+ bytes in \d+ ms$/),
    expect.stringMatching(/^caches: ~\/\.store restored: \d+ bytes in \d+ ms$/),
  ]);
  const found = /^found (\d+)$/m.exec(second.log)?.[1];
  expect(await foundBy(repo)).toBe(found);
  expect(await foundBy(makeRepo("other.git"))).not.toBe(found);
});

test("a cache never gets into a commit, and neither a script nor an agent nor another branch fills one", async () => {
  const repo = makeRepo("read-only.git");
  const before = files().length;
  const script = await run({ repo, task: "script", script: "echo work > work.txt; echo poison > deps/y" });
  expect(script.job).toMatchObject({ status: "succeeded", result: { diffStat: { files: 1 } } });
  const { branch } = script.job.result ?? {};
  expect(git.read("read-only.git", branch ?? "", "work.txt")).toBe("work");
  expect(git.read("read-only.git", branch ?? "", "deps/x")).toBeNull();
  await run({ repo, task: "agent", instructions: "Add a quick start to the README" });
  git.commit("read-only.git", "feature", { "x.txt": "not merged" });
  await run({ repo, task: "build", branch: "feature" });
  // A branch of the job's own name that somebody made before it: the server cannot know, the worker sees it.
  git.commit("read-only.git", `hive/caches-${jobs + 1}`, { "deps.txt": "not merged" });
  await run({ repo, task: "build" });
  const failed = await run({ repo: makeRepo("fails.git", CONFIG.replace("cmp", "exit 3 #")), task: "build" });
  expect(failed.job.status).toBe("failed");
  expect(files()).toHaveLength(before);
  expect((await run({ repo, task: "build" })).log).toContain("caches: deps kept");
  expect(files()).toHaveLength(before + 2);
});

test("caches survive a restart; a damaged one is dropped, and the job goes on without", async () => {
  const repo = makeRepo("restart.git");
  const known = new Set(files());
  await run({ repo, task: "build" });
  const found = await foundBy(repo);
  await server.crash();
  await server.start();
  expect(await foundBy(repo)).toBe(found);

  for (const name of files().filter((one) => !known.has(one))) {
    const path = join(server.data, "caches", name);
    truncateSync(path, statSync(path).size - 1);
  }
  const after = await run({ repo, task: "build" });
  expect(after.job).toMatchObject({ status: "succeeded" });
  expect(after.log).not.toMatch(/^caches: \S+ restored:/m);
  expect(server.printed()).toContain("is damaged and was dropped");
  expect(after.log).toContain("deps kept");
  expect(await foundBy(repo)).not.toBe(found);
});

test("beyond the budget the cache that was not used for longest goes", async () => {
  const config = (name: string): string =>
    `caches: [deps]\nsetup: "[ -e deps/x ] || { mkdir deps; head -c 1300000 /dev/urandom > deps/x; echo made-${name}; }"\nbuild: "true"\n`;
  const repos = ["one", "two", "three"].map((name) => makeRepo(`budget-${name}.git`, config(name)));
  for (const repo of repos) await run({ repo, task: "build" });
  const reads = { task: "script" as const, script: "true" };
  const restored: boolean[] = [];
  for (const repo of repos.toReversed()) restored.push((await run({ repo, ...reads })).log.includes("deps restored"));
  expect(restored).toEqual([true, true, false]);
});
