/** A sweep on the stores that servers have, with the logs beside them. */

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_RULES } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../../../test/peers/redis/redis-server.ts";
import { systemClock } from "../clock.ts";
import { testLeadership } from "../leader/leadership.fixture.ts";
import { createLog } from "../log.ts";
import { Committer } from "../queue/committer.ts";
import { chooseStorage } from "../storage.ts";
import { createRetention } from "./retention.ts";

const DAY_MS = 86_400_000;
const profile = { name: "w", version: "1", roles: [], labels: [], provider: "test", isolation: "none", agents: [] };
const cleanUps: (() => Promise<void> | void)[] = [];
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.dispose());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe.each(["sqlite", "redis"] as const)("on %s", (kind) => {
  it("a job goes with its log and files, and only it does", async () => {
    const data = await mkdtemp(join(tmpdir(), "hive-retention-"));
    cleanUps.push(() => rm(data, { recursive: true }));
    const storage = chooseStorage(
      {
        ...{ store: kind === "sqlite" ? kind : redis.url, data, durability: "strict", redisPrefix: "hive" },
        ...{ redisLogBytes: 100_000, redisArtifactBytes: 100_000 },
      },
      createLog("off"),
    );
    cleanUps.push(() => storage.close());
    let days = 0;
    const clock = { ...systemClock, wall: () => systemClock.wall() + days * DAY_MS };
    const leadership = testLeadership({ url: "http://one.test", mono: clock.mono });
    const queue = new Committer({
      openStore: () => storage.openStore(leadership),
      rules: DEFAULT_RULES,
      clock,
      onTrouble: () => {},
    });
    await queue.start();
    cleanUps.push(() => queue.stop());
    const { logs, artifacts } = storage.openLogs(() => queue.position());
    cleanUps.push(() => logs.close());

    /** A job that said something, left a file, and is over. */
    async function over(jobId: string): Promise<void> {
      const workerId = `worker-of-${jobId}`;
      await queue.submit<"register">({ type: "register", workerId, registrationId: jobId, profile });
      await queue.submit<"enqueue">({ type: "enqueue", jobs: [newJob(jobId, { key: null })], idempotency: null });
      await queue.submit<"claim">({ type: "claim", workerId, claimId: "c" });
      const key = { jobId, fence: 1 };
      expect(await logs.append({ ...key, offset: 0, bytes: Buffer.from("said\n") })).toMatchObject({ ok: true });
      const sha256 = createHash("sha256").update("left").digest("hex");
      const stream = (async function* left() {
        yield Buffer.from("left");
      })();
      expect(await artifacts.putArtifact({ ...key, name: "left.txt", stream, sha256 })).toMatchObject({ ok: true });
      await queue.submit<"workerGone">({ type: "workerGone", workerId, blame: false, message: "bye" });
      await queue.submit<"cancel">({ type: "cancel", jobId, by: "me", reason: "test" });
    }
    await over("old");
    days = 80;
    await over("young");
    await queue.submit<"enqueue">({
      type: "enqueue",
      jobs: [newJob("newest", { approval: "start" })],
      idempotency: null,
    });
    days = 100;
    const keep = { days: 90, jobs: 1_000, logDays: 0, idDays: 365 };
    const retention = createRetention({ queue, logs, clock, keep, onTrouble: () => {} });
    expect(await retention.sweep()).toMatchObject({ jobs: 1 });

    const docs = await queue.documents.get([
      { collection: "jobs", id: "old" },
      { collection: "jobs", id: "young" },
      { collection: "ids", id: "old" },
    ]);
    expect(docs).toEqual([
      null,
      expect.objectContaining({ status: "canceled" }),
      expect.objectContaining({ status: "canceled", state: "clear" }),
    ]);
    for (const [jobId, is] of [
      ["old", false],
      ["young", true],
    ] as const) {
      expect([jobId, (await logs.size({ jobId, fence: 1 })) !== null]).toEqual([jobId, is]);
      expect([jobId, (await artifacts.listArtifacts({ jobId })).length > 0]).toEqual([jobId, is]);
      const events = await queue.documents.list({ collection: "events", index: "job", equals: { jobId } });
      expect([jobId, events.items.length > 0]).toEqual([jobId, is]);
    }
  });
});
