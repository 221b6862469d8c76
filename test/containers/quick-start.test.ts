// The README's quick start with containers, word for word where that is possible: from a clean clone to a pushed branch.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JobDetail, NewJobRequest } from "@hive/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { until } from "../e2e/until.ts";
import { type ComposeHive, cloneForCompose } from "./compose.ts";
import { engine, isMissing } from "./test-engine.ts";

/** A key, a token and what else stands in a person's shell or folder and has no business in an image or a worker. */
const CANARY = "canary-3f1c9a77";
const GIT_TOKEN = "git-token-5d20b1e8";

describe.skipIf(isMissing)("the quick start with compose (needs a Docker Engine)", () => {
  let git: GitHost;
  let clone: ComposeHive;

  beforeAll(async () => {
    git = await startGitHost({ "x-access-token": { password: GIT_TOKEN } }, engine.hostAddress);
    clone = cloneForCompose(engine);
    mkdirSync(join(clone.folder, "hive-data"));
    for (const file of [".env.local", "hive-data/secrets.env", "apps/worker/.env"]) {
      writeFileSync(join(clone.folder, file), `export OTHER_TOKEN=${CANARY}\n`);
    }
    clone.compose(["up", "--detach", "--build"], {
      ANTHROPIC_API_KEY: CANARY,
      HIVE_ALLOW_PRIVATE_ADDRESSES: `${engine.hostAddress}/32`,
    });
    await clone.ready(2);
  });

  afterAll(async () => {
    clone.dispose();
    await git.stop();
  });

  const run = async (job: NewJobRequest): Promise<JobDetail> => {
    const hive = clone.hive();
    const { jobId } = await hive.enqueue({ githubToken: GIT_TOKEN, ...job });
    return hive.wait(jobId, { held: true, signal: AbortSignal.timeout(120_000) });
  };
  const logOf = (name: string): string => clone.docker("logs", name);
  const health = async (name: string): Promise<string | undefined> => (await clone.inspect(name)).State.Health?.Status;

  it("two workers come without any setting, and all say that they are well", async () => {
    for (const name of ["hive-dispatcher", "hive-worker-1", "hive-worker-2"]) {
      await until(`${name} to be healthy`, async () => (await health(name)) === "healthy");
    }
  });

  it("without a token, the refusal names the one line that gets it", async () => {
    const reply = await fetch(`${clone.url}/enqueue`, { method: "POST" });
    expect(reply.status).toBe(401);
    const line = "export INTERNAL_API_TOKEN=$(docker exec hive-dispatcher hive token)";
    expect(((await reply.json()) as { detail: string }).detail).toContain(line);
    expect(logOf("hive-dispatcher")).toContain(line);
  });

  it("a job's changes and a script's work are pushed to a branch of a git host", async () => {
    const repo = git.makeRepo("acme/app.git");
    const changed = await run({
      jobId: "first",
      repo,
      branch: "ci/first",
      task: "changes",
      changes: [{ path: "hello.txt", content: "from a container\n" }],
    });
    expect(changed).toMatchObject({ status: "succeeded", error: null });
    expect(git.read("acme/app.git", "ci/first", "hello.txt")).toBe("from a container");

    const script = "echo working; id -u > who.txt; hive-progress 50 half";
    const scripted = await run({ jobId: "second", repo, branch: "ci/second", task: "script", script });
    expect(scripted).toMatchObject({ status: "succeeded", error: null });
    expect(Number(git.read("acme/app.git", "ci/second", "who.txt"))).toBeGreaterThanOrEqual(20_000);
  });

  it("docker logs of the dispatcher and of the workers tell the story in lines for people", () => {
    const dispatcher = logOf("hive-dispatcher");
    const workers = logOf("hive-worker-1") + logOf("hive-worker-2");
    expect(dispatcher).toContain("Hive ready");
    for (const story of [dispatcher, workers]) {
      expect(story).toContain("first");
      expect(story).toContain("second");
      expect(story).toContain("ci/first");
      expect(story).not.toMatch(/^\{/m);
      expect(story).not.toMatch(/^ {4}at /m);
      expect(story).not.toContain(GIT_TOKEN);
    }
  });

  it("hive doctor, inside, finds nothing wrong and workers in containers", () => {
    const checks = clone.docker("exec", "hive-dispatcher", "hive", "doctor");
    expect(checks).toMatch(/^ok +Isolation +container$/m);
    expect(checks).not.toMatch(/^BAD/m);
  });

  it("a worker is closed as the design says, and has nobody's keys", async () => {
    const worker = await clone.inspect("hive-worker-1");
    expect(worker.HostConfig).toMatchObject({
      NetworkMode: "none",
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      ReadonlyRootfs: true,
      Init: true,
      Privileged: false,
      PidsLimit: 1024,
      OomScoreAdj: 500,
      RestartPolicy: { Name: "unless-stopped" },
    });
    expect([...(worker.HostConfig["CapAdd"] as string[])].sort()).toEqual(["CHOWN", "KILL", "SETGID", "SETUID"]);
    expect(worker.HostConfig["Memory"]).toBeGreaterThan(0);
    expect(worker.HostConfig["NanoCpus"]).toBeGreaterThan(0);
    expect(worker.Mounts.map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW}`).sort()).toEqual([
      "volume /mirrors false",
      "volume /run/hive/server false",
    ]);
    expect(worker.Config.Env.join("\n")).not.toMatch(new RegExp(`${CANARY}|CALLBACK_SECRET=|_TOKEN=`));
    const dispatcher = await clone.inspect("hive-dispatcher");
    expect(dispatcher.Config.Env).toContain(`ANTHROPIC_API_KEY=${CANARY}`);
    expect(dispatcher.HostConfig).toMatchObject({
      CapDrop: ["ALL"],
      CapAdd: null,
      ReadonlyRootfs: true,
      Binds: expect.anything() as unknown,
    });
    expect(dispatcher.Mounts.every(({ Type }) => Type === "volume" || Type === "tmpfs")).toBe(true);
  });

  it("no layer of an image holds what stood in the folder or in the shell", () => {
    // Beside it something that is there, so that the search is known to see.
    const search = `grep --text --only-matching -e ${CANARY} -e HIVE_CONTACT_FILE | sort --unique`;
    expect(clone.shell(`docker save hive-dispatcher hive-worker | ${search}`).trim()).toBe("HIVE_CONTACT_FILE");
  });

  it("COMPOSE_PROFILES says how many workers, HIVE_WORKER_3_ROLES what the third one does", async () => {
    clone.compose(["up", "--detach"], { COMPOSE_PROFILES: "workers-4", HIVE_WORKER_3_ROLES: "tester,reviewer" });
    await clone.ready(4);
    const workers = await clone.hive().workers();
    expect(workers.map(({ name, roles }) => `${name}: ${roles.join(" ")}`).sort()).toEqual([
      "hive-worker-1: ",
      "hive-worker-2: ",
      "hive-worker-3: tester reviewer",
      "hive-worker-4: ",
    ]);
  });

  it("a restart of the dispatcher keeps jobs and token, and the workers come back by themselves", async () => {
    const before = clone.docker("exec", "hive-dispatcher", "hive", "token");
    clone.compose(["restart", "--timeout", "10", "hive-dispatcher"]);
    await clone.ready(4);
    expect(clone.docker("exec", "hive-dispatcher", "hive", "token")).toBe(before);
    expect(await clone.hive().get("first")).toMatchObject({ status: "succeeded" });
    const repo = `${git.server.url}/acme/app.git`;
    const job = await run({ repo, branch: "ci/third", task: "changes", changes: [{ path: "third", content: "3" }] });
    expect(job.status).toBe("succeeded");
    for (const name of ["hive-worker-1", "hive-worker-2"]) expect((await clone.inspect(name)).RestartCount).toBe(0);
  });
});
