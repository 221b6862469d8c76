/** Who follows a log while the store fails beneath it. */

import { afterEach, expect, it } from "vitest";
import { beginJob, enqueueJob, failedFinish } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
afterEach(() => world.close());

/** A server whose next commit lands and then fails once `fail` was called; what follows waits for `recover`. */
async function failing() {
  let fails = false;
  const recovered = Promise.withResolvers<void>();
  let away = false;
  world = await startServer({
    faults: {
      afterCommit: () => {
        if (!fails) return;
        fails = false;
        away = true;
        throw new Error("the disk took it and then failed");
      },
      beforeRead: () => (away ? recovered.promise : undefined),
    },
  });
  return {
    fail: () => (fails = true),
    recover: () => {
      away = false;
      recovered.resolve();
    },
  };
}

async function follow(path: string) {
  const reader = (await world.send("GET", path, { signal: AbortSignal.timeout(20_000) })).body?.getReader();
  return async (): Promise<string | null> => {
    const next = await reader?.read();
    return next === undefined || next.done ? null : Buffer.from(next.value).toString();
  };
}

it("waits with the store, and gets what comes after as if nothing had been", async () => {
  const { fail, recover } = await failing();
  const { jobId, lease } = await beginJob(world);
  const { token } = lease;
  const next = await follow(`/v1/jobs/${jobId}/logs?follow&fence=${lease.fence}`);
  await world.send("POST", "/v1/worker/logs?offset=0", { token, body: "one " });
  expect(await next()).toBe("one ");
  const more = next();
  fail();
  await expect(enqueueJob(world)).rejects.toThrow("503");
  expect(world.queue.readiness().ready).toBe(false);
  recover();
  await ready();
  await world.send("POST", "/v1/worker/logs?offset=4", { token, body: "two" });
  expect(await more).toBe("two");
  await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(Buffer.from("one two")) });
  expect(await next()).toBeNull();
});

it("ends with a job whose end landed although its commit failed", async () => {
  const { fail, recover } = await failing();
  const jobId = await enqueueJob(world);
  const next = await follow(`/v1/jobs/${jobId}/logs?follow`);
  const end = next();
  fail();
  expect((await world.send("POST", `/v1/jobs/${jobId}/cancel`, { json: {} })).status).toBe(503);
  recover();
  expect(await end).toBeNull();
});

it("goes on at a byte of an attempt, waits for one that is yet to come, and never ends well where there is more", async () => {
  world = await startServer();
  const { jobId, lease } = await beginJob(world);
  const { token, fence } = lease;
  const path = `/v1/jobs/${jobId}/logs?follow`;
  await world.send("POST", "/v1/worker/logs?offset=0", { token, body: "one two " });
  const next = await follow(`${path}&fence=${fence}&from=4`);
  const later = await follow(`${path}&fence=${fence + 1}`);
  const ahead = await follow(`${path}&fence=${fence}&from=10`);
  expect(await next()).toBe("two ");
  await world.send("POST", "/v1/worker/logs?offset=8", { token, body: "three" });
  expect([await next(), await ahead()]).toEqual(["three", "ree"]);
  const stays = await follow(path);
  expect(await stays()).toBe("one two three");
  await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(Buffer.from("one two three")) });
  expect([await next(), await ahead(), await stays(), await later()]).toEqual([null, null, null, null]);

  const rest = await world.send("GET", `/v1/jobs/${jobId}/logs?from=8`);
  expect([rest.status, rest.headers.get("content-length"), await rest.text()]).toEqual([200, "5", "three"]);
  expect(await (await world.send("GET", `/v1/jobs/${jobId}/logs?from=99`)).text()).toBe("");

  const running = await beginJob(world);
  await world.send("POST", "/v1/worker/logs?offset=0", { token: running.lease.token, body: "half" });
  const broken = await follow(`/v1/jobs/${running.jobId}/logs?follow`);
  expect(await broken()).toBe("half");
  const end = broken().then(
    () => "ended",
    () => "broke off",
  );
  await world.close();
  expect(await end).toBe("broke off");
});

/** Resolves once the server accepts work. */
function ready(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!world.queue.readiness().ready) return;
      unlisten();
      resolve();
    };
    const unlisten = world.queue.onReadiness(look);
    look();
  });
}
