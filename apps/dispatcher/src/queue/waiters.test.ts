import { DEFAULT_RULES, type NewJob, type WorkerProfile } from "@hive/core";
import { newJob } from "@hive/core/new-job.fixture";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { MemoryContent } from "../store/memory/memory-content.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";
import { Committer } from "./committer.ts";
import { createWaiters, type ClaimAnswer, type Waiters } from "./waiters.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

interface World {
  readonly queue: Committer;
  readonly waiters: Waiters;
  readonly register: (name: string, skills?: Partial<WorkerProfile>) => Promise<void>;
  readonly enqueue: (...jobs: Partial<NewJob>[]) => Promise<void>;
  readonly claim: (workerId: string, claimId?: string, closed?: AbortSignal) => Promise<ClaimAnswer>;
  /** Resolves when this many claims wait. */
  readonly waiting: (count: number) => Promise<void>;
}

async function world(openStore = () => new MemoryStore()): Promise<World> {
  const queue = new Committer({
    openStore,
    rules: DEFAULT_RULES,
    clock: systemClock,
    onTrouble: () => {},
  });
  await queue.start();
  const waiters = createWaiters(queue, systemClock);
  stops.push(async () => {
    waiters.stop();
    await queue.stop();
  });
  let ids = 0;
  return {
    queue,
    waiters,
    async register(name, skills = {}) {
      const profile = {
        name,
        version: "1",
        roles: [],
        labels: [],
        provider: "test",
        isolation: "none",
        agents: [],
        ...skills,
      };
      await queue.submit<"register">({
        type: "register",
        workerId: name,
        registrationId: `registration-${name}`,
        profile,
      });
    },
    async enqueue(...jobs) {
      const full = jobs.map((job): NewJob => newJob(`j${(ids += 1)}`, job));
      await queue.submit<"enqueue">({ type: "enqueue", jobs: full, idempotency: null });
    },
    claim: (workerId, claimId = `claim-${workerId}`, closed = new AbortController().signal) =>
      waiters.claim({ workerId, claimId, waitMs: 20_000, closed }),
    async waiting(count) {
      for (let turn = 0; turn < 10_000 && waiters.size !== count; turn += 1) await new Promise(setImmediate);
      expect(waiters.size).toBe(count);
    },
  };
}

describe("waiting claims", () => {
  it("are answered at once when there is work, and wait when there is none", async () => {
    const { register, enqueue, claim, waiting } = await world();
    await register("a");
    await enqueue({ id: "first" });
    expect((await claim("a")).grant?.job.id).toBe("first");
    await register("b");
    const later = claim("b");
    await waiting(1);
    await enqueue({ id: "second" });
    expect((await later).grant?.job.id).toBe("second");
    await waiting(0);
  });

  it("give the job to who has waited longest, and leave the others waiting", async () => {
    const { register, enqueue, claim, waiting } = await world();
    const order = ["c", "a", "b"];
    const claims: Promise<ClaimAnswer>[] = [];
    for (const [place, name] of order.entries()) {
      await register(name);
      claims.push(claim(name));
      await waiting(place + 1);
    }
    const got: string[] = [];
    claims.forEach((answer, place) => void answer.then(({ grant }) => grant && got.push(order[place] ?? "")));
    for (let left = 2; left >= 0; left -= 1) {
      await enqueue({});
      await waiting(left);
    }
    await Promise.all(claims);
    expect(got).toEqual(order);
  });

  it("all get work when one batch brings enough for all", async () => {
    const { register, enqueue, claim, waiting } = await world();
    const names = Array.from({ length: 40 }, (_, i) => `w${i}`);
    await Promise.all(names.map((name, i) => register(name, i % 2 === 0 ? { labels: ["gpu"] } : {})));
    const claims = names.map((name) => claim(name));
    await waiting(40);
    await enqueue(...names.map(() => ({})));
    const answers = await Promise.all(claims);
    expect(new Set(answers.map(({ grant }) => grant?.job.id)).size).toBe(40);
  });

  it("wake only workers that may take the job", async () => {
    const { register, enqueue, claim, waiting } = await world();
    await register("plain");
    await register("tester", { roles: ["tester"] });
    await register("gpu", { labels: ["gpu"], roles: ["builder"] });
    const plain = claim("plain");
    await waiting(1);
    const tester = claim("tester");
    await waiting(2);
    const gpu = claim("gpu");
    await waiting(3);
    await enqueue({ id: "needs-gpu", labels: ["gpu"] });
    expect((await gpu).grant?.job.id).toBe("needs-gpu");
    await enqueue({ id: "any" });
    expect((await plain).grant?.job.id).toBe("any");
    await enqueue({ id: "tests", role: "tester" });
    expect((await tester).grant?.job.id).toBe("tests");
  });

  it("miss nothing that becomes ready while they are answered", async () => {
    const { register, enqueue, claim } = await world();
    for (let round = 0; round < 50; round += 1) {
      await register(`a${round}`);
      // All in one batch, in this order: the claim finds nothing, and its answer waits for the commit that brings work.
      const before = register(`before-${round}`);
      const asked = claim(`a${round}`);
      for (let turn = 0; turn < round % 5; turn += 1) await Promise.resolve();
      await Promise.all([before, enqueue({ id: `job-${round}` })]);
      const { grant } = await asked;
      expect(grant?.job.id).toBe(`job-${round}`);
    }
  });

  it("end with nothing when their time is over", async () => {
    const { register, waiters } = await world();
    await register("a");
    const closed = new AbortController().signal;
    expect(await waiters.claim({ workerId: "a", claimId: "claim-a1", waitMs: 1, closed })).toEqual({
      grant: null,
      drain: false,
    });
    expect(await waiters.claim({ workerId: "a", claimId: "claim-a2", waitMs: 0, closed })).toEqual({
      grant: null,
      drain: false,
    });
    expect(waiters.size).toBe(0);
  });

  it("end when the worker is to leave, and its work goes to another", async () => {
    const { register, claim, waiting, queue, enqueue } = await world();
    await register("a");
    await register("b");
    const leaving = claim("a");
    await waiting(1);
    const staying = claim("b");
    await waiting(2);
    await queue.submit<"drain">({ type: "drain", workerId: "a", draining: true });
    expect(await leaving).toEqual({ grant: null, drain: true });
    await enqueue({ id: "x" });
    expect((await staying).grant?.job.id).toBe("x");
  });

  it("end with nothing when the same worker claims anew", async () => {
    const { register, claim, waiting, enqueue } = await world();
    await register("a");
    const older = claim("a", "claim-older");
    await waiting(1);
    const newer = claim("a", "claim-newer");
    expect(await older).toEqual({ grant: null, drain: false });
    await waiting(1);
    await enqueue({ id: "x" });
    expect((await newer).grant?.lease.claimId).toBe("claim-newer");
  });

  it("are refused for a worker that is not registered", async () => {
    const { claim } = await world();
    await expect(claim("nobody")).rejects.toMatchObject({ code: "worker_unknown" });
  });

  it("all end when the server stops", async () => {
    const { register, claim, waiting, waiters } = await world();
    await register("a");
    const asked = claim("a");
    await waiting(1);
    waiters.stop();
    expect(await asked).toEqual({ grant: null, drain: false });
  });
});

describe("a closed connection", () => {
  it("waits no more, and takes no job from those that do", async () => {
    const { register, claim, waiting, enqueue } = await world();
    await register("gone");
    await register("here");
    const connection = new AbortController();
    const gone = claim("gone", "claim-gone", connection.signal);
    await waiting(1);
    const here = claim("here");
    await waiting(2);
    connection.abort();
    expect(await gone).toEqual({ grant: null, drain: false });
    await enqueue({ id: "x" });
    expect((await here).grant?.job.id).toBe("x");
  });

  it("gives a job back that was granted too late, so that another worker has it at once", async () => {
    const { register, claim, waiting, enqueue, queue } = await world();
    await register("gone");
    await register("here");
    const here = claim("here");
    await waiting(1);
    // The claim is on its way to the queue when the connection closes.
    await queue.submit<"drain">({ type: "drain", workerId: "here", draining: true });
    await here;
    await enqueue({ id: "x" });
    const connection = new AbortController();
    const late = claim("gone", "claim-gone", connection.signal);
    connection.abort();
    await late;
    await queue.submit<"drain">({ type: "drain", workerId: "here", draining: false });
    const { grant } = await claim("here", "claim-here2");
    expect(grant?.job.id).toBe("x");
    expect(grant?.lease.fence).toBe(2);
    expect(grant?.job.run).toMatchObject({ failures: 0, losses: 0 });
  });

  it("of a claim that came twice takes no job from the worker, which is at work on it", async () => {
    const { register, claim, enqueue, queue } = await world();
    await register("busy");
    await enqueue({ id: "x" });
    const { grant } = await claim("busy", "claim-1");
    const lease = { jobId: "x", fence: grant?.lease.fence ?? 0 };
    const beat = { type: "heartbeat", lease, phase: null, message: null, percent: null } as const;
    await queue.submit<"heartbeat">(beat);
    // The same request again, late, from a connection that nobody holds any more.
    const connection = new AbortController();
    connection.abort();
    await claim("busy", "claim-1", connection.signal);
    expect(await queue.submit<"heartbeat">(beat)).toMatchObject({ begun: true });
  });
});

describe("after a commit that landed in spite of its error", () => {
  it("a claim that waits gets the job nobody was told of", async () => {
    const content = new MemoryContent();
    let fails = false;
    const faults = {
      afterCommit: () => {
        if (!fails) return;
        fails = false;
        throw new Error("the disk took it and then failed");
      },
    };
    const { register, claim, waiting, enqueue } = await world(() => new MemoryStore({ content, faults }));
    await register("w");
    const waits = claim("w");
    await waiting(1);
    fails = true;
    await expect(enqueue({ id: "x" })).rejects.toMatchObject({ code: "store_failed" });
    expect((await waits).grant?.job.id).toBe("x");
  });
});
