/** Whether a server says that it takes work, while its store or its queen does not answer. */

import { expect, it, onTestFinished, vi } from "vitest";
import { HandClock, settle } from "../queue/queue.fixture.ts";
import { startServer, type TestServer, type TestServerOptions } from "./server.fixture.ts";
import { inRole } from "./standby.fixture.ts";

const JOB = { repo: "https://example.com/acme/app", task: "script", script: "true" };

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const world = await startServer(options);
  onTestFinished(() => world.close());
  return world;
}

/** A server whose commits wait while they are held, and a hand-moved clock for its patience. */
async function startHolding() {
  const clock = new HandClock();
  let held: Promise<void> | undefined;
  let isWaiting = false;
  const beforeCommit = async (): Promise<void> => {
    isWaiting = held !== undefined;
    await held;
  };
  const world = await start({
    faults: { beforeCommit },
    change: (parts) => ({ ...parts, clock: { ...parts.clock, after: clock.after } }),
  });
  return {
    world,
    /** Asks, and lets a second pass for whoever waits for the store. */
    patiently: async (path: string): Promise<Response> => {
      const reply = world.send("GET", path, { token: null });
      let over = false;
      void reply.finally(() => (over = true));
      while (!over) {
        await settle();
        await clock.pass(1_000);
      }
      return reply;
    },
    /** Holds commits, and puts in a job whose commit waits. */
    holdJob: async (): Promise<{ accepted: Promise<Response>; release: () => void }> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      const accepted = world.send("POST", "/enqueue", { json: JOB });
      await vi.waitUntil(() => isWaiting);
      const release = (): void => {
        held = undefined;
        resolve();
      };
      return { accepted, release };
    },
  };
}

it("a server whose store does not answer says so, and is ready again when it does", async () => {
  const { world, patiently, holdJob } = await startHolding();
  const { accepted, release } = await holdJob();
  const refused = await patiently("/health/ready");
  expect([refused.status, await refused.json()]).toMatchObject([503, { code: "not_ready" }]);
  expect(await (await patiently("/health")).json()).toMatchObject({ ok: false, leader: false });
  release();
  expect((await accepted).status).toBe(202);
  expect(await (await world.send("GET", "/health/ready")).json()).toMatchObject({ ready: true, role: "queen" });
});

it("a standby is ready while the queen is", async () => {
  const { world: queen, patiently, holdJob } = await startHolding();
  const role = {
    ready: false,
    role: "standby",
    why: "stands by",
    retryAfterMs: 1_000,
    queen: { url: queen.url },
  } as const;
  const { url } = await start({ change: (parts) => ({ ...parts, queue: inRole(parts.queue, role) }) });
  const ready = (): Promise<Response> => fetch(`${url}/health/ready`);
  expect(await (await ready()).json()).toMatchObject({ ready: true, role: "standby" });
  const { accepted, release } = await holdJob();
  const refused = ready();
  expect((await patiently("/health/ready")).status).toBe(503);
  expect((await refused).status).toBe(503);
  release();
  await accepted;
  await queen.server.close();
  expect((await ready()).status).toBe(503);
});
