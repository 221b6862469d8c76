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
