/**
 * F14: Redis is cut off from its replica, goes on for a while, and is lost; the replica takes its place. What was
 * acknowledged in that while is gone, as Redis says of asynchronous replication. Nothing else is: what was there before
 * stays, no token of the lost while writes anything, and whoever sends a lost job again gets it done.
 */
import { execFileSync } from "node:child_process";
import { ApiError, endpoints } from "@hive/protocol";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { type RedisServer, startRedis } from "../../peers/redis/redis-server.ts";
import { startTcpProxy } from "../../peers/tcp-proxy.ts";
import { until } from "../../e2e/until.ts";
import { type HeldLease, takeLease } from "../hand-worker.ts";
import { everyJob } from "../every-job.ts";
import { monotonicMs } from "../history.ts";
import { type LightRun, lightJob, runLight, throughAny } from "../light-run.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const redisFailover: Scenario = {
  id: "F14",
  title:
    "when a replica takes the place of a lost Redis, only what it had not been told is gone, and can be sent again",
  stores: ["redis"],
  run,
};

const PLAN = {
  quick: { jobs: 60, beforeMs: 1_500, windowMs: 700 },
  full: { jobs: 200, beforeMs: 6_000, windowMs: 4_000 },
};
/** The role of the one job that light workers leave alone, and of the workers that are moved by hand. */
const BY_HAND = "by-hand";
const HAUNTED = "haunted-1";
const OVER = new Set(["succeeded", "failed", "canceled"]);

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { jobs, beforeMs, windowMs } = sized(size, PLAN);
  await using rooms = new AsyncDisposableStack();
  // Else the first copy begins five seconds after the replica asked for it.
  const master = await startRedis({ extra: ["--repl-diskless-sync-delay", "0"] });
  rooms.defer(() => master.dispose());
  const link = await startTcpProxy({ to: master.port });
  rooms.defer(() => link.dispose());
  const replica = await startRedis({ extra: ["--replicaof", "127.0.0.1", String(link.port)] });
  rooms.defer(() => replica.dispose());
  // The name that the dispatchers know Redis by.
  const door = await startTcpProxy({ to: master.port });
  rooms.defer(() => door.dispose());
  await using replicas = await startReplicas({
    store,
    count: 2,
    redisUrl: `redis://127.0.0.1:${door.port}`,
    env: { HIVE_LEASE_MS: "4000" },
  });
  const { urls, secret } = replicas;
  const broken: string[] = [];

  /** Takes the job that only this test's own workers get, and begins it. */
  async function take(name: string): Promise<HeldLease> {
    const held = await takeLease({ name, urls, secret, role: BY_HAND });
    await held.client.call(endpoints.leaseHeartbeat, { body: { phase: "run" } }, { token: held.lease.token });
    return held;
  }

  async function harm({ hive, accepted: told, history, signal }: LightRun): Promise<ScenarioOutcome["figures"]> {
    const job = { jobId: HAUNTED, repo: "https://example.com/acme/app", task: "script" as const, script: "true" };
    await hive.enqueue({ ...job, role: BY_HAND });
    await pause(machineClock, beforeMs, signal);
    const safe = new Set(told);
    const written = replication(master, "master_repl_offset");
    const isThere = (): boolean =>
      replication(replica, "master_link_status") === "up" &&
      Number(replication(replica, "slave_repl_offset")) >= Number(written);
    await until("the replica to have all of it", isThere);
    link.hold();
    history.mark("the replica hears nothing any more");
    const old = await take("zombie");
    await pause(machineClock, windowMs, signal);
    history.mark("the replica takes the place of Redis");
    const begun = monotonicMs();
    door.refuse();
    await master.crash();
    command(replica, "REPLICAOF", "NO", "ONE");
    door.pointTo(replica.port);
    await door.heal();
    await until("a dispatcher to answer", async () => (await everyJob(hive)).size > 0);
    const awayMs = Math.round(monotonicMs() - begun);

    const known = await everyJob(hive);
    const lost = [...told].filter((id) => !known.has(id));
    broken.push(...lost.filter((id) => safe.has(id)).map((id) => `I1: ${id} was there before the replica was cut off`));
    // The same job, and perhaps under the same fence: only the token tells the two apart.
    const held = await take("heir");
    const taken = await haunt(old);
    broken.push(...taken.map((what) => `I5: ${what} was accepted under the token of a lease that is gone`));
    const finish = {
      finishId: "finish-of-the-heir",
      outcome: { end: "returned" as const, message: "seen" },
      log: null,
    };
    await held.client
      .call(endpoints.leaseFinish, { body: finish }, { token: held.lease.token })
      .catch((error: unknown) => broken.push(`I5: the heir could not finish: ${String(error)}`));
    await hive.cancel(HAUNTED);
    // Whoever cares sends its jobs again.
    for (const id of lost) await hive.enqueue(lightJob(Number(id.split("-")[1])));
    return {
      "acknowledged before": safe.size,
      "lost of those": lost.filter((id) => safe.has(id)).length,
      "acknowledged unheard": told.size - safe.size,
      "lost and sent again": lost.length,
      "stale writes accepted": taken.length,
      "fences of the same number": old.lease.fence === held.lease.fence ? 1 : 0,
      "without a queen, ms": awayMs,
    };
  }

  const outcome = await runLight({
    name: "F14",
    seed,
    ...throughAny(replicas),
    workers: 8,
    jobs,
    holdMs: 150,
    takesBack: true,
    asides: [HAUNTED],
    harm,
    isAtRest: async ({ hive }) => [...(await everyJob(hive)).values()].every((status) => OVER.has(status)),
    verdict: (_, { events }) =>
      events.flatMap(({ id }, place) => (id === place + 1 ? [] : [`event ${id} stands at place ${place + 1}`])),
  });
  return { figures: outcome.figures, broken: [...outcome.broken, ...broken] };
}

/** Every write there is, under a lease that is gone; answers those that were taken. */
async function haunt({ client, lease }: HeldLease): Promise<readonly string[]> {
  const own = { token: lease.token };
  const outcome = { end: "returned" as const, message: "from the grave" };
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["heartbeat", () => client.call(endpoints.leaseHeartbeat, { body: {} }, own)],
    ["logs", () => client.call(endpoints.leaseLogs, { query: { offset: 0 }, body: Buffer.from("boo\n") }, own)],
    ["events", () => client.call(endpoints.leaseEvents, { body: { from: 0, events: [{ type: "message" }] } }, own)],
    ["secrets", () => client.call(endpoints.leaseSecrets, {}, own)],
    [
      "finish",
      () => client.call(endpoints.leaseFinish, { body: { finishId: "zombie-finish", outcome, log: null } }, own),
    ],
  ];
  const taken: string[] = [];
  for (const [what, call] of calls) {
    try {
      await call();
      taken.push(what);
    } catch (error) {
      if (!(error instanceof ApiError && error.is("lease_lost"))) throw error;
    }
  }
  return taken;
}

/** What a server says of its replication. Not `WAIT`: it only knows of what its own connection wrote. */
function replication(server: RedisServer, field: string): string {
  return new RegExp(`^${field}:(.*)$`, "m").exec(command(server, "INFO", "replication"))?.[1]?.trim() ?? "";
}

/** One command, and its answer as text. */
function command({ port }: RedisServer, ...words: readonly string[]): string {
  return execFileSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8" }).trim();
}
