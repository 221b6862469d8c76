/** Who gets which cache over HTTP: what the server itself knows of a job decides, whatever the worker sends. */

import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints } from "@hive/protocol";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type CacheStore, openCacheFiles } from "../caches/cache-files.ts";
import { type Attempt, beginJob, claimJob, codeOf, enqueueJob } from "./attempts.fixture.ts";
import { GATEWAY, OWNER, rawConnection, readAll, startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
let caches: CacheStore;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-caches-http-"));
  caches = await openCacheFiles({ folder, budgetBytes: 100_000, wall: Date.now, onTrouble: () => undefined });
  world = await startServer({ change: (parts) => ({ ...parts, caches }) });
});
afterEach(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

const NAME = "a".repeat(64);
const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
const put = (job: Attempt, body: string, sha256 = sha(body)) =>
  world.send("PUT", `/v1/worker/caches/${NAME}?sha256=${sha256}`, { token: job.lease.token, body });
const get = (job: Attempt, name = NAME) => world.send("GET", `/v1/worker/caches/${name}`, { token: job.lease.token });
/** A build of the default branch; `more` changes it. */
const build = (more: object = {}): Promise<Attempt> => beginJob(world, { task: "build", script: undefined, ...more });

it("a build at base fills the cache, and every kind of job of the repository reads it", async () => {
  const filler = await build();
  expect(filler.lease.job.fillsCaches).toBe(true);
  expect([(await get(filler)).status, (await put(filler, "the packages")).status]).toEqual([404, 200]);
  const readers = [
    await build(),
    await beginJob(world),
    await build({ branch: "feature" }),
    await build({ base: "x" }),
  ];
  for (const reader of readers) {
    const reply = await get(reader);
    expect([reply.status, await reply.text()]).toEqual([200, "the packages"]);
    expect(reply.headers.get("etag")).toBe(`"${sha("the packages")}"`);
    expect(reply.headers.get("content-length")).toBe("12");
  }
  expect((await get(filler, "b".repeat(64))).status).toBe(404);
  // One repository, whoever spells it how.
  const spelled = await get(await build({ repo: "https://github.com/Acme/App.git" }));
  expect(await spelled.text()).toBe("the packages");
});

it("another repository reads nothing of it", async () => {
  await put(await build(), "the packages");
  for (const repo of [
    "https://github.com/acme/other",
    "https://gitlab.com/acme/app",
    "https://github.com:8443/acme/app",
  ]) {
    expect([repo, (await get(await build({ repo }))).status]).toEqual([repo, 404]);
  }
});

it("no job writes that ran an agent, a script, or a branch of its own, whatever its worker says", async () => {
  await put(await build(), "the packages");
  const readers = {
    agent: { task: "agent", agent: "demo", instructions: "x" },
    analyze: { task: "analyze", agent: "demo", instructions: "x" },
    script: { task: "script", script: "true" },
    changes: { task: "changes", changes: [{ path: "a", content: "a" }] },
    branch: { task: "build", branch: "feature" },
    unknownBase: { task: "test", branch: "main" },
    otherBase: { task: "lint", branch: "feature-2", base: "main" },
  };
  for (const [why, more] of Object.entries(readers)) {
    const jobId = await enqueueJob(world, { script: undefined, ...more });
    const lease = await claimJob(world, await world.worker(`bee-${why}`, ["demo"]));
    await world.client.call(endpoints.leaseHeartbeat, { body: {} }, { token: lease.token });
    const reader = { jobId, lease, worker: "" };
    expect([why, lease.job.fillsCaches]).toEqual([why, false]);
    const refused = await put(reader, "poison");
    expect([why, refused.status, await codeOf(refused)]).toEqual([why, 403, "forbidden"]);
    expect(await (await get(reader)).text()).toBe("the packages");
  }
});

it("a named base has caches of its own, which the default branch never reads", async () => {
  const onRelease = await build({ base: "release" });
  expect((await put(onRelease, "of release")).status).toBe(200);
  expect((await get(await build())).status).toBe(404);
  await put(await build(), "of the default branch");
  expect(await (await get(await build({ base: "release", branch: "feature" }))).text()).toBe("of release");
  expect(await (await get(await build({ base: "other" }))).text()).toBe("of the default branch");
});

it("only a lease in work opens caches, and only its `worker` token", async () => {
  const filler = await build();
  await put(filler, "the packages");
  const { lease } = filler;
  for (const token of [lease.llmToken, lease.egressToken, filler.worker, OWNER, GATEWAY, null]) {
    for (const method of ["GET", "PUT"]) {
      const path = `/v1/worker/caches/${NAME}${method === "PUT" ? `?sha256=${sha("x")}` : ""}`;
      const reply = await world.send(method, path, { token, ...(method === "PUT" ? { body: "x" } : {}) });
      expect(reply.status).toBe(401);
    }
  }
  await enqueueJob(world, { task: "build", script: undefined });
  const waiting = await claimJob(world, await world.worker("bee-early"));
  const early = await get({ jobId: "", lease: waiting, worker: "" });
  expect([early.status, await codeOf(early)]).toEqual([409, "not_begun"]);
  await world.send("POST", "/v1/worker/goodbye", { token: filler.worker });
  for (const late of [await get(filler), await put(filler, "stale")]) {
    expect([late.status, await codeOf(late)]).toEqual([409, "lease_lost"]);
  }
});

it("a job that is being canceled writes nothing, also when the bytes were already on their way", async () => {
  const job = await build();
  const socket = await rawConnection(world.port);
  const answer = readAll(socket);
  socket.write(
    `PUT /v1/worker/caches/${NAME}?sha256=${sha("12345678")} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n` +
      `authorization: Bearer ${job.lease.token}\r\ncontent-length: 8\r\n\r\n1234`,
  );
  // The first half is being kept: the job was allowed to send it.
  const partials = (): string[] =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(".partial-"));
  await vi.waitFor(() => expect(partials()).toHaveLength(1));
  expect((await world.send("POST", `/v1/jobs/${job.jobId}/cancel`, { json: {} })).status).toBe(200);
  socket.write("5678");
  expect(await answer).toMatch(/^HTTP\/1.1 403 .*"forbidden"/s);
  expect(caches.usedBytes()).toBe(0);
});

it("half an upload, and other bytes than announced, leave the cache before as it was", async () => {
  const job = await build();
  await put(job, "the packages");
  const wrong = await put(job, "poison", sha("something else"));
  expect([wrong.status, await codeOf(wrong)]).toEqual([422, "cache_mismatch"]);
  const large = await put(job, "x".repeat(100_001));
  expect([large.status, await codeOf(large)]).toEqual([413, "body_too_large"]);
  const socket = await rawConnection(world.port);
  socket.write(
    `PUT /v1/worker/caches/${NAME}?sha256=${sha("12345678")} HTTP/1.1\r\nhost: x\r\n` +
      `authorization: Bearer ${job.lease.token}\r\ncontent-length: 8\r\n\r\n1234`,
  );
  socket.end();
  await readAll(socket);
  expect(await (await get(job)).text()).toBe("the packages");
});

it("a server without caches has none and takes none", async () => {
  const bare = await startServer();
  try {
    const job = await beginJob(bare, { task: "build", script: undefined });
    expect(job.lease.job.fillsCaches).toBe(false);
    const { token } = job.lease;
    expect((await bare.send("GET", `/v1/worker/caches/${NAME}`, { token })).status).toBe(404);
    const path = `/v1/worker/caches/${NAME}?sha256=${sha("x")}`;
    expect((await bare.send("PUT", path, { token, body: "x" })).status).toBe(403);
  } finally {
    await bare.close();
  }
});
