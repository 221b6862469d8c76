/**
 * F13: the network between the queen and Redis falls silent. She confirms nothing and hands out nothing from then on, and
 * another dispatcher, which still reaches Redis, takes over; when the network is back she stands by.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import type { HiveProcess } from "../../e2e/hive-process.ts";
import { until } from "../../e2e/until.ts";
import { monotonicMs } from "../history.ts";
import { type LightRun, runLight, throughAny } from "../light-run.ts";
import { type Namespace, openNamespace } from "../namespaces.ts";
import { type Replicas, startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "../scenario.ts";

export const storeCutOff: Scenario = {
  id: "F13",
  title: "a queen that Redis no longer answers confirms nothing, and another takes over",
  stores: ["redis"],
  needsRoot: true,
  run,
};

const PLAN = { quick: { jobs: 40, drops: 1 }, full: { jobs: 400, drops: 15 } };
/** Longer than a takeover: workers are well all the time, so what they hold stays theirs. */
const LEASE_MS = 30_000;
/** Promised are 3 s and 6 s; this machine may be busy. */
const UNREADY_LIMIT_MS = 8_000;
const TAKEOVER_LIMIT_MS = 15_000;
/** A call to a dispatcher that may hang. */
const PROBE_MS = 1_000;

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const { jobs, drops } = sized(size, PLAN);
  using room = openNamespace(2);
  await using replicas = await startReplicas({
    store,
    count: 2,
    leaseMs: LEASE_MS,
    redis: {
      startedBy: room.startedBy,
      extra: ["--bind", ...room.links.map(({ inside }) => inside), "--protected-mode", "no"],
    },
    storeUrl: ({ port }, n) => `redis://${room.links[n]?.inside}:${port}`,
  });
  const { urls } = replicas;
  const unreadyMs: number[] = [];
  const takeoverMs: number[] = [];
  return await runLight({
    name: "F13",
    seed,
    ...throughAny(replicas),
    readUrls: urls,
    workers: 8,
    jobs,
    holdMs: 2_000,
    harm: async (run) => {
      for (let n = 0; n < drops && !run.signal.aborted; n += 1) {
        await pause(machineClock, 1_000, run.signal);
        const told = await dropQueen(run, replicas, room);
        unreadyMs.push(told.unreadyMs);
        takeoverMs.push(told.takeoverMs);
      }
      return { drops, "unready after": tellTimes(unreadyMs), takeovers: tellTimes(takeoverMs) };
    },
    verdict: ({ live, unknown, work }) => [
      ...unreadyMs.filter((ms) => ms > UNREADY_LIMIT_MS).map((ms) => `cut off, it was ready for ${ms} ms`),
      ...takeoverMs.filter((ms) => ms > TAKEOVER_LIMIT_MS).map((ms) => `a takeover took ${ms} ms`),
      ...(live.losses() > 0 ? [`${live.losses()} leases of workers that were well were taken away`] : []),
      ...(unknown() + work.unknown === 0 ? ["the run proves little: nobody noticed"] : []),
    ],
  });
}

/** Cuts the queen off until another is queen, then mends it. */
async function dropQueen({ history, signal }: LightRun, replicas: Replicas, room: Namespace) {
  const { servers } = replicas;
  const queen = await until("a queen", () => replicas.queen());
  const place = servers.indexOf(queen);
  const others = servers.filter((one) => one !== queen);
  room.drop("both", place);
  history.mark(`dispatcher ${place + 1} is cut off from Redis`);
  const begun = monotonicMs();
  const since = async (is: () => Promise<boolean>, what: string): Promise<number> => {
    await until(what, async () => signal.aborted || (await is()), { more: () => queen.printed().slice(-4_000) });
    return Math.round(monotonicMs() - begun);
  };
  const [unreadyMs, takeoverMs] = await Promise.all([
    since(async () => (await roleOf(queen)) !== "queen", "the one that was cut off to say so"),
    since(async () => (await Promise.all(others.map(roleOf))).includes("queen"), "another queen"),
  ]);
  // For a while both are there, and only one can be right.
  await pause(machineClock, 1_000, signal);
  room.heal();
  history.mark("the network is back");
  await since(async () => (await roleOf(queen)) === "standby", "the one that was cut off to stand by");
  return { unreadyMs, takeoverMs };
}

/** Asked of it alone; null: it does not say. */
async function roleOf({ url }: HiveProcess): Promise<string | null> {
  try {
    const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(PROBE_MS) });
    const told = (await reply.json()) as { readonly role?: string };
    return reply.ok || told.role === "standby" ? (told.role ?? null) : null;
  } catch {
    return null;
  }
}
