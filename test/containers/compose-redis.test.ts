// Replicas as docs/operating.md starts them: Redis, two dispatchers and two workers out of compose.redis.yaml.
import type { JobDetail } from "@hive/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import { until } from "../e2e/until.ts";
import { type ComposeHive, cloneForCompose } from "./compose.ts";
import { importRedisImage } from "./engine/redis-image.ts";
import { engine, isMissing } from "./test-engine.ts";

const GIT_TOKEN = "git-token-7c1e02d4";
const REDIS_IMAGE = "hive-redis:test";
const BACKUP = "/var/lib/hive/hive.backup.gz";
const DISPATCHERS = ["hive-dispatcher-1", "hive-dispatcher-2"] as const;

describe.skipIf(isMissing)("replicas with compose (needs a Docker Engine)", () => {
  let git: GitHost;
  let clone: ComposeHive;
  let settings: Readonly<Record<string, string>>;

  beforeAll(async () => {
    git = await startGitHost({ "x-access-token": { password: GIT_TOKEN } }, engine.hostAddress);
    git.makeRepo("acme/app.git");
    importRedisImage(REDIS_IMAGE, { ...process.env, DOCKER_HOST: `unix://${engine.socket}` });
    clone = cloneForCompose(engine, { file: "compose.redis.yaml", dispatchers: DISPATCHERS });
    // The images are there already; the quick start's test builds them as a person does.
    settings = {
      HIVE_REDIS_IMAGE: REDIS_IMAGE,
      HIVE_DISPATCHER_IMAGE: engine.dispatcherImage,
      HIVE_WORKER_IMAGE: engine.workerImage,
      HIVE_ALLOW_PRIVATE_ADDRESSES: `${engine.hostAddress}/32`,
    };
  });

  afterAll(async () => {
    clone?.dispose();
    await git?.stop();
  });

  /** A job that ends with a pushed branch, put in and waited for at dispatcher `n`. */
  async function run(jobId: string, n: number): Promise<JobDetail> {
    const hive = clone.hive(n);
    await hive.enqueue({
      jobId,
      repo: `${git.server.url}/acme/app.git`,
      githubToken: GIT_TOKEN,
      task: "changes",
      changes: [{ path: `${jobId}.txt`, content: `by ${jobId}\n` }],
    });
    return hive.wait(jobId, { held: true, signal: AbortSignal.timeout(120_000) });
  }

  async function expectPushed(jobId: string, n: number): Promise<void> {
    const job = await run(jobId, n);
    const told = clone.docker("logs", "--tail", "40", DISPATCHERS[n] ?? "");
    expect(job, told).toMatchObject({ status: "succeeded", error: null, attempts: 1 });
    expect(git.read("acme/app.git", `hive/${jobId}`, `${jobId}.txt`)).toBe(`by ${jobId}`);
  }

  /** Which dispatcher says that it leads, from 0; null while none does. */
  async function queen(): Promise<number | null> {
    const said = await Promise.all(
      DISPATCHERS.map(async (_, n) => {
        const health = await clone
          .hive(n)
          .health()
          .catch(() => null);
        return health?.leader === true;
      }),
    );
    return said.filter(Boolean).length === 1 ? said.indexOf(true) : null;
  }

  it("a first start in which only the second dispatcher comes up has its workers, and they work", async () => {
    const services = ["hive-redis", "hive-dispatcher-2", "hive-worker-1", "hive-worker-2"];
    clone.compose(["up", "--detach", "--no-deps", ...services], settings);
    await clone.ready(2, 1);
    await expectPushed("of-the-second-alone", 1);
  });

  it("both dispatchers have the same token, and a job ends whichever of them is asked", async () => {
    clone.compose(["up", "--detach"]);
    await clone.ready(2, 0);
    const tokens = DISPATCHERS.map((name) => clone.docker("exec", name, "hive", "token").trim());
    expect(new Set(tokens).size).toBe(1);
    await expectPushed("of-the-first", 0);
    await expectPushed("of-the-second", 1);
  });

  it("the queen's container is killed: the next job ends at the other, and the killed one comes back beside it", async () => {
    const killed = await until("a queen", queen, { limitMs: 30_000 });
    const left = 1 - killed;
    clone.docker("kill", DISPATCHERS[killed] ?? "");
    await clone.ready(2, left);
    await expectPushed("after-the-kill", left);
    expect((await clone.hive(left).get("of-the-first")).status).toBe("succeeded");
    clone.compose(["up", "--detach"]);
    await clone.ready(2, killed);
    expect(await queen()).toBe(left);
    await expectPushed("of-the-one-that-came-back", killed);
  });

  it("all of it restarted at once goes on with its jobs, its token and its workers", async () => {
    const token = clone.docker("exec", DISPATCHERS[0], "hive", "token");
    clone.compose(["restart", "--timeout", "20"]);
    await clone.ready(2, 0);
    await clone.ready(2, 1);
    expect(clone.docker("exec", DISPATCHERS[1], "hive", "token")).toBe(token);
    expect((await clone.hive(1).get("after-the-kill")).status).toBe("succeeded");
    await expectPushed("after-the-restart", 1);
  });

  it("a backup goes back into its Redis by the lines of docs/operating.md, and what came after it is gone", async () => {
    clone.docker("exec", DISPATCHERS[0], "hive", "backup", BACKUP);
    await expectPushed("after-the-backup", 0);
    clone.compose(["stop", "--timeout", "20", ...DISPATCHERS]);
    const restore = ["--entrypoint", "hive", DISPATCHERS[0], "restore", BACKUP, "--replace"];
    clone.compose(["run", "--rm", "--no-deps", ...restore]);
    clone.compose(["up", "--detach"]);
    await clone.ready(2, 0);
    expect((await clone.hive().get("of-the-first")).status).toBe("succeeded");
    await expect(clone.hive().get("after-the-backup")).rejects.toMatchObject({ code: "not_found" });
    await expectPushed("after-the-restore", 1);
  });
});
