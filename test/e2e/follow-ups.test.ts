/**
 * People who talk to jobs of agents: after the end, while an attempt runs, over a crash, and at a terminal. The agent
 * here keeps what it is told as a file of its work, so that the branch shows each prompt.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JobDetail } from "@hive/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, plainEnvironment, ROOT, startHive } from "./hive-process.ts";
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

let git: GitHost;
let server: HiveProcess;
let repo: string;
let careful: string;
let gates: string;

// Fails where it is asked to, until it is told that it did.
const AGENT = `n=$(ls | grep -c "^prompt-")
cat > "prompt-$n.txt"
if grep -q "please fail" "prompt-$n.txt" && ! grep -q "this one failed" "prompt-$n.txt"; then echo "it broke"; exit 7; fi
echo "Begun."
gate=$(sed -n "s/.*please wait for \\([^ ]*\\) .*/\\1/p" "prompt-$n.txt" | head -n 1)
while [ -n "$gate" ] && [ ! -e "$gate" ]; do sleep 0.05; done
echo "Wrote prompt-$n.txt."`;

beforeAll(async () => {
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  careful = git.makeRepo("careful.git");
  const { host } = new URL(git.server.url);
  server = await startHive({
    env: { HIVE_AGENT: "command", HIVE_AGENT_COMMAND: AGENT, HIVE_ALLOW_UNISOLATED: "1", HIVE_WORKERS: "1" },
    yaml: `repos: [{ match: "${host}/careful", approve: publish }]`,
  });
  gates = join(dirname(server.data), "gates");
  mkdirSync(gates, { mode: 0o711 });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

const ask = (jobId: string, instructions: string) => ({ jobId, repo, task: "agent" as const, instructions });
const prompt = (jobId: string, n: number): string => git.read("app.git", `hive/${jobId}`, `prompt-${n}.txt`) ?? "";

/** Waits for the end of a generation. */
function over(jobId: string, generation: number): Promise<JobDetail> {
  return until(
    `generation ${generation} of ${jobId} to end`,
    async () => {
      const job = await server.hive.get(jobId);
      return job.generation === generation && ["succeeded", "failed"].includes(job.status) ? job : null;
    },
    { more: () => server.printed().slice(-4000) },
  );
}

test("a comment on a job that is over goes on on its branch, knowing what was done", async () => {
  expect(await server.run(ask("goes-on", "Write a quick start."))).toMatchObject({ status: "succeeded" });
  const before = git.head("app.git", "hive/goes-on");
  const said = await server.hive.comment("goes-on", { text: "Mention Windows too.", author: "ann" });
  expect(said).toEqual({ jobId: "goes-on", n: 1, status: "queued", generation: 2 });
  expect(await over("goes-on", 2)).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(git.head("app.git", "hive/goes-on")).not.toBe(before);
  expect(prompt("goes-on", 0)).not.toContain("What is asked now");
  const told = prompt("goes-on", 1);
  expect(told).toContain("# Task\n\nWrite a quick start.");
  expect(told).toContain(`pushed: ${before} to hive/goes-on`);
  expect(told).toContain("Wrote prompt-0.txt.");
  expect(told).toMatch(/by ann, \S+:\nMention Windows too\./);
  await server.hive.comment("goes-on", "And macOS.");
  await over("goes-on", 3);
  expect(prompt("goes-on", 2)).toMatch(
    /This was asked before, and is done:[^]*Mention Windows too\.[^]*# What is asked now[^]*And macOS\./,
  );
  const { comments } = await server.hive.comments("goes-on");
  expect(comments.map(({ n, state }) => [n, state])).toEqual([
    [1, "done"],
    [2, "done"],
  ]);
});

test("a retry is told how the attempt before ended", async () => {
  expect(await server.run(ask("told", "Do it, and please fail."))).toMatchObject({ status: "failed" });
  await server.hive.retry("told");
  expect(await over("told", 2)).toMatchObject({ status: "succeeded" });
  expect(prompt("told", 0)).toMatch(/# The attempt before this one failed[^]*exit code 7/);
});

test("what is said to a running job begins a generation once it ended, also when the server crashed meanwhile", async () => {
  await server.hive.enqueue(ask("running", `Do it, and please wait for ${join(gates, "open")} to be there.`));
  await until("the agent to run", async () => (await server.hive.get("running")).phase === "run");
  expect(await server.hive.comment("running", "one")).toMatchObject({ status: "running", generation: null });
  expect(await server.hive.comment("running", "two")).toMatchObject({ n: 2 });
  await server.crash();
  await server.start();
  writeFileSync(join(gates, "open"), "");
  const job = await over("running", 2);
  expect(job.status).toBe("succeeded");
  const stored = await server.hive.comments("running");
  expect(stored.comments.map(({ n, text, state }) => [n, text, state])).toEqual([
    [1, "one", "done"],
    [2, "two", "done"],
  ]);
  // Once each, in order, in one generation, whichever that was after the crash.
  const prompts = [0, 1, 2].map((n) => prompt("running", n)).filter((text) => text.includes("What is asked now"));
  expect(prompts.at(-1)).toMatch(/Comment 1, [^]*one[^]*Comment 2, [^]*two/);
});

test("work that waits for approval goes back to the agent with a comment, and is approved as it is then", async () => {
  const held = await server.run({ ...ask("again", "Write a quick start."), repo: careful });
  expect(held).toMatchObject({ status: "held", reason: "publish" });
  expect(await server.hive.comment("again", "Not like that.")).toMatchObject({ generation: 1 });
  const better = await until("the work to wait for approval again", async () => {
    const job = await server.hive.get("again");
    return job.status === "held" && job.fence === 2 ? job : null;
  });
  expect(better.bundle?.sha256).not.toBe(held.bundle?.sha256);
  await server.hive.approve("again", better.bundle?.sha256 ?? "");
  await over("again", 1);
  const [first, second] = [0, 1].map((n) => git.read("careful.git", "hive/again", `prompt-${n}.txt`));
  expect(first).toContain("Write a quick start.");
  expect(second).toMatch(/as changes that are not committed, the work that was not[^]*Not like that\./);
});

test("a comment on a job that was canceled goes on from what it had made", async () => {
  await server.hive.enqueue(ask("stopped", `Do it, and please wait for ${join(gates, "never")} to be there.`));
  await until("the agent to have begun its work", async () => {
    const log = await (await server.fetch("/v1/jobs/stopped/logs")).text();
    return log.includes("Begun.");
  });
  await server.hive.cancel("stopped");
  await until("the job to be canceled", async () => (await server.hive.get("stopped")).status === "canceled");
  writeFileSync(join(gates, "never"), "");
  await server.hive.comment("stopped", "Go on after all.");
  expect(await over("stopped", 2)).toMatchObject({ status: "succeeded" });
  expect(prompt("stopped", 0)).toContain("Do it,");
  expect(prompt("stopped", 1)).toContain("Go on after all.");
});

test("hive comment says what became of it, and hive comments what was said", async () => {
  await server.run(ask("terminal", "Write a quick start."));
  const hive = (...args: string[]) =>
    runProgram(
      [process.execPath, join(ROOT, "apps/cli/src/main.ts"), ...args],
      plainEnvironment({ HIVE_DATA: server.data, HIVE_PORT: String(server.port) }),
      { stdin: "From a file.\n" },
    );
  const said = await hive("comment", "terminal", "-", "--author", "ann", "--wait");
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toContain("succeeded");
  expect(prompt("terminal", 1)).toContain("From a file.");
  const list = await hive("comments", "terminal");
  expect(list.stdout).toMatch(/^1 {2}\S+ {2}ann {2}done\n {3}From a file\./);
  const nothing = await hive("comment", "terminal");
  expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining("Say something")]);
});
