// Several dispatchers on one Redis, as real programs: whichever is asked answers, and the end of the queen is a moment's
// wait for those who work, ask and read. The times are printed.
import { existsSync, writeFileSync } from "node:fs";
import { createHive, type HiveClient } from "@hive/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LiveEvents, followEvents } from "../faults/live-events.ts";
import { openHistory, type RunHistory } from "../faults/history.ts";
import { openWorld, type World } from "../faults/world.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

let history: RunHistory;
let world: World;

beforeAll(async () => {
  history = openHistory("takeover");
  // A worker stops its job after two thirds of a lease without a queen: more than a takeover after a kill may last.
  world = await openWorld({ history, store: "redis", count: 3, workers: 2, leaseMs: 30_000, callbacks: false });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  history.remove();
});

/** The queen, and those that are not. */
async function roles(): Promise<{ readonly queen: HiveProcess; readonly standbys: readonly HiveProcess[] }> {
  const queen = await until("a queen", () => world.queen(), { limitMs: 15_000 });
  return { queen, standbys: world.servers.filter((one) => one !== queen && one.pid() !== 0) };
}

function clientOf({ url }: HiveProcess, retries = 8): HiveClient {
  return createHive({ url, token: world.token, retries });
}

/** A job that notes its begin and its end in `acts`, and ends when the marker is there. */
function longJob(jobId: string): { readonly go: string; readonly request: Parameters<HiveClient["enqueue"]>[0] } {
  const go = `${world.acts}/${jobId}.go`;
  const note = (what: string): string => `echo ${what} >> '${world.acts}/${jobId}'`;
  const wait = `while [ ! -e '${go}' ]; do sleep 0.05; done`;
  const script = [note("begun"), "echo first", wait, "echo last", note("ended")].join("\n");
  return { go, request: { jobId, repo: `file://${world.bare}`, task: "script", script } };
}

/** Milliseconds until `look` is true. */
async function timed(what: string, look: () => Promise<boolean>): Promise<number> {
  const begun = performance.now();
  await until(what, look, { limitMs: 20_000 });
  return performance.now() - begun;
}

/** Whether this dispatcher says that it is the queen. */
async function isQueen({ url }: HiveProcess): Promise<boolean> {
  const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  return reply?.ok === true && ((await reply.json()) as { readonly role: string }).role === "queen";
}

describe("several dispatchers on one Redis", () => {
  it("answer alike whoever is asked, and each says what it is", async () => {
    const { queen, standbys } = await roles();
    expect(standbys).toHaveLength(2);
    const [one, other] = standbys;
    if (one === undefined || other === undefined) throw new Error("there are no two standbys");
    await clientOf(one).enqueue({
      jobId: "asked-of-a-standby",
      repo: `file://${world.bare}`,
      task: "script",
      script: "echo hi",
    });
    const job = await clientOf(other).wait("asked-of-a-standby", { signal: AbortSignal.timeout(60_000) });
    expect(job.status).toBe("succeeded");
    expect((await clientOf(queen).get("asked-of-a-standby")).fence).toBe(job.fence);
    const log = await fetch(`${one.url}/v1/jobs/asked-of-a-standby/logs`, { headers: bearer() });
    expect(await log.text()).toContain("hi");
    const health = await Promise.all(
      world.servers.map(async ({ url }) => (await (await fetch(`${url}/health`)).json()) as Health),
    );
    expect(health.map(({ role }) => role).sort()).toEqual(["queen", "standby", "standby"]);
    expect(health.filter(({ leader }) => leader)).toHaveLength(1);
    for (const { ok, workers } of health) expect({ ok, total: workers.total }).toEqual({ ok: true, total: 2 });
    const refused = await fetch(`${one.url}/v1/jobs`, {
      headers: { authorization: "Bearer of-somebody-else-entirely" },
    });
    expect(refused.status).toBe(401);
    expect((await fetch(`${one.url}/v1/jobs/none`, { headers: bearer() })).status).toBe(404);
  });

  for (const [signal, limitMs] of [
    ["SIGTERM", 1_000],
    ["SIGKILL", 6_000],
  ] as const) {
    it(`go on after ${signal} for the queen: the job runs through, and a reader sees each event once`, async () => {
      const { queen, standbys } = await roles();
      const [standby] = standbys;
      if (standby === undefined) throw new Error("there is no standby");
      const hive = clientOf(standby);
      const events: LiveEvents = followEvents(hive, history);
      try {
        const jobId = `through-${signal.toLowerCase()}`;
        const { go, request } = longJob(jobId);
        await hive.enqueue(request);
        await until("the job to run", () => existsSync(`${world.acts}/${jobId}`));
        const before = await hive.get(jobId);

        const ended = signal === "SIGTERM" ? queen.stop() : queen.crash();
        const others = world.servers.filter((one) => one !== queen);
        const takeover = await timed("another queen", async () =>
          (await Promise.all(others.map(isQueen))).includes(true),
        );
        const answer = await timed(
          "an answer",
          async () => (await fetch(`${standby.url}/v1/jobs/${jobId}`, { headers: bearer() })).ok,
        );
        console.log(
          `${signal}: another queen after ${takeover.toFixed(0)} ms, an answer ${answer.toFixed(0)} ms later`,
        );
        expect(takeover).toBeLessThan(limitMs * 2);
        await ended;

        const meanwhile = await hive.get(jobId);
        expect({ status: meanwhile.status, fence: meanwhile.fence }).toEqual({
          status: "running",
          fence: before.fence,
        });
        writeFileSync(go, "");
        const after = await hive.wait(jobId, { signal: AbortSignal.timeout(60_000) });
        expect({ status: after.status, fence: after.fence }).toEqual({ status: "succeeded", fence: before.fence });
        await until("the reader to see its end", () => events.over.has(jobId));
        expect(events.broken).toEqual([]);
      } finally {
        await events.stop();
        if (queen.pid() === 0) await queen.start();
      }
    });
  }

  it("refuse one with other secrets, and say what to do", async () => {
    const url = world.redis?.url ?? "";
    const refused = await startHive({ env: { HIVE_STORE: url, HIVE_WORKERS: "0" } }).catch((error: unknown) => error);
    expect(String(refused)).toContain("have other secrets than this one");
    expect((await roles()).standbys).toHaveLength(2);
  });
});

interface Health {
  readonly ok: boolean;
  readonly role: string;
  readonly leader: boolean;
  readonly workers: { readonly total: number };
}

function bearer(): Record<string, string> {
  return { authorization: `Bearer ${world.token}` };
}
