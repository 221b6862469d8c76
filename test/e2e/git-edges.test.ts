/** Repositories that are not like the example: other default branches, no commits, odd names, agents with git habits. */
import { mkdirSync } from "node:fs";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, git, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";

let host: GitHost;
let server: HiveProcess;

beforeAll(async () => {
  host = await startGitHost();
  server = await startHive({ env: { HIVE_AGENT: "demo" } });
});
afterAll(async () => {
  await server?.dispose();
  await host?.stop();
});

function script(jobId: string, repo: string, text: string, more: Partial<NewJobRequest> = {}): Promise<JobDetail> {
  return server.run({ jobId, repo, task: "script", script: text, ...more });
}

test("a repository whose default branch is not main starts there", async () => {
  const repo = host.makeRepo("trunk.git", { "a.txt": "a" });
  git(host.path("trunk.git"), "branch", "-m", "main", "trunk");
  git(host.path("trunk.git"), "symbolic-ref", "HEAD", "refs/heads/trunk");
  const job = await script("trunk", repo, "echo b > b.txt");
  expect(job).toMatchObject({ status: "succeeded", result: { baseCommit: host.head("trunk.git", "trunk") } });
});

test("a repository without any commit ends with a reason a person understands", async () => {
  const path = host.path("empty.git");
  mkdirSync(path);
  git(path, "init", "-q", "--bare", "-b", "main");
  const job = await script("empty", `${host.server.url}/empty.git`, "echo b > b.txt");
  expect(job).toMatchObject({ status: "failed", attempts: 1 });
  expect(job.error?.message).toMatch(/no commit|empty|base|branch/i);
});

test("an agent that commits by itself, also over its base, has its commits pushed", async () => {
  const repo = host.makeRepo("habits.git");
  const job = await script(
    "habits",
    repo,
    `git config user.name Agent; git config user.email agent@example.com
echo 1 > one.txt; git add one.txt; git commit -q -m "one"; echo 2 > two.txt; git add -A; git commit -q -m "two"; echo 3 > three.txt`,
  );
  expect(job).toMatchObject({ status: "succeeded", result: { diffStat: { files: 3 } } });
  const log = git(host.path("habits.git"), "log", "--format=%s", "main..hive/habits").split("\n");
  expect(log.slice(1)).toEqual(["two", "one"]);
  expect(log).toHaveLength(3);
});

test("an agent that leaves its branch, or the head detached, still has its work pushed to the job's branch", async () => {
  const repo = host.makeRepo("stray.git");
  const job = await script(
    "stray",
    repo,
    `git config user.name A; git config user.email a@example.com; git checkout -q -b my-own; echo 1 > one.txt; git add .; git commit -q -m one; git checkout -q --detach; echo 2 > two.txt`,
  );
  expect(job).toMatchObject({ status: "succeeded", result: { branch: "hive/stray" } });
  expect(host.read("stray.git", "hive/stray", "one.txt")).toBe("1");
  expect(host.read("stray.git", "hive/stray", "two.txt")).toBe("2");
  expect(host.head("stray.git", "my-own")).toBeNull();
});

test("a second job on the branch of the first goes on from there", async () => {
  const repo = host.makeRepo("two-jobs.git");
  await script("two-1", repo, "echo 1 > one.txt", { branch: "feature" });
  const second = await script("two-2", repo, "test -e one.txt; echo 2 > two.txt", { branch: "feature" });
  expect(second).toMatchObject({ status: "succeeded" });
  expect(git(host.path("two-jobs.git"), "rev-list", "--count", "main..feature")).toBe("2");
});

test("files with odd names, modes, spaces and bytes arrive as they are", async () => {
  const repo = host.makeRepo("odd.git");
  const job = await script(
    "odd",
    repo,
    `mkdir -p "a b/ü"; printf 'x\\r\\n\\0y' > "a b/ü/-n"; echo '#!/bin/sh' > run; chmod 755 run; ln -s "a b" link; printf 'z' > "tab	name"; printf 'q' > '"quoted"'`,
  );
  expect(job).toMatchObject({ status: "succeeded", result: { diffStat: { files: 5 } } });
  const tree = git(host.path("odd.git"), "ls-tree", "-r", "-z", "hive/odd").split("\0");
  expect(tree.some((line) => line.startsWith("100755") && line.endsWith("\trun"))).toBe(true);
  expect(tree.some((line) => line.startsWith("120000") && line.endsWith("\tlink"))).toBe(true);
  expect(tree.some((line) => line.endsWith("\ttab\tname"))).toBe(true);
});

test("a job that names its own author has its commits under that name", async () => {
  const repo = host.makeRepo("author.git");
  await script("author", repo, "echo 1 > one.txt", { gitUser: { name: "Zoë Bee", email: "zoe@example.com" } });
  expect(git(host.path("author.git"), "log", "-1", "--format=%an <%ae>", "hive/author")).toBe(
    "Zoë Bee <zoe@example.com>",
  );
});

test("ignored files are not pushed, and a large file is", async () => {
  const repo = host.makeRepo("large.git", { ".gitignore": "build/\n*.log\n" });
  const job = await script(
    "large",
    repo,
    "mkdir build; echo x > build/out; echo x > a.log; head -c 20000000 /dev/zero > large.bin",
  );
  expect(job).toMatchObject({ status: "succeeded", result: { diffStat: { files: 1 } } });
  const files = git(host.path("large.git"), "ls-tree", "-r", "--name-only", "hive/large").split("\n");
  expect(files).toEqual([".gitignore", "large.bin"]);
});
