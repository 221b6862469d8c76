/**
 * F4: a dispatcher stands still for much longer than a lease and a term, and goes on as if nothing had happened: alone it
 * gives every lease a full term, and where another became the queen meanwhile it says nothing in its name.
 */
import { createHive } from "@hive/sdk";
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import type { HiveProcess } from "../../e2e/hive-process.ts";
import { until } from "../../e2e/until.ts";
import { dice } from "../../sim/dice.ts";
import { monotonicMs } from "../history.ts";
import { type LightRun, runLight, throughAny } from "../light-run.ts";
import { findQueen, upAndReady } from "../queens.ts";
import { readOnce } from "../reader.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "../scenario.ts";

/** Among several, workers need a while to find out that one of them is silent: a term must be longer than that. */
const LEASE_MS = { sqlite: 3_000, redis: 6_000 };
/** A dispatcher stands still for so much longer than a lease; and than the term of a queen. */
const BEYOND_MS = 1_500;
/** Looks at the one that goes on, in the moment it does. */
const LOOKS = 20;
const READY_LIMIT_MS = 30_000;

export const dispatcherStops: Scenario = {
  id: "F4",
  title: "a dispatcher that stood still takes no lease away and says nothing in the name of the queen it was",
  stores: ["sqlite", "redis"],
  run,
};

async function run({ size, seed, store }: ScenarioOptions): Promise<ScenarioOutcome> {
  const stops = sized(size, { quick: 2, full: 20 });
  const count = store === "redis" ? 3 : 1;
  await using replicas = await startReplicas({ store, count, env: { HIVE_LEASE_MS: String(LEASE_MS[store]) } });
  const { servers, urls, token } = replicas;
  const stopMs = LEASE_MS[store] + BEYOND_MS;
  const takeoverMs: number[] = [];
  return await runLight({
    name: `F4-${store}`,
    seed,
    ...throughAny(replicas),
    readUrls: urls,
    workers: 8,
    jobs: sized(size, { quick: 60, full: 300 }),
    holdMs: 4_000,
    harm: async (run) => {
      const chance = dice(seed, "stops");
      for (let stop = 0; stop < stops && !run.signal.aborted; stop += 1) {
        await upAndReady(servers, READY_LIMIT_MS);
        await pause(machineClock, chance.int(500, 2_500), run.signal);
        const victim = (await findQueen(servers)) ?? servers[0];
        takeoverMs.push(...(await standStill({ victim, servers, run, token, stopMs })));
      }
      return { stops, takeovers: tellTimes(takeoverMs) };
    },
    verdict: ({ live }) => {
      const broken: string[] = [];
      // Workers were well all the time and reached whoever was there.
      if (live.losses() > 0) broken.push(`${live.losses()} leases of workers that were well were taken away`);
      if (store === "redis" && takeoverMs.length < stops)
        broken.push(`the run proves little: ${takeoverMs.length} takeovers`);
      return broken;
    },
  });
}

/** Milliseconds until another one was the queen; nothing where there is no other. */
async function standStill(options: {
  readonly victim: HiveProcess;
  readonly servers: readonly HiveProcess[];
  readonly run: LightRun;
  readonly token: string;
  readonly stopMs: number;
}): Promise<readonly number[]> {
  const { victim, servers, run, token, stopMs } = options;
  const { history, signal } = run;
  const pid = victim.pid();
  const others = servers.filter((one) => one !== victim);
  const begun = monotonicMs();
  const taken: number[] = [];
  history.mark(`dispatcher ${servers.indexOf(victim) + 1} stands still`);
  process.kill(pid, "SIGSTOP");
  try {
    if (others.length > 0) {
      await until("another dispatcher to be the queen", () => findQueen(others), { limitMs: READY_LIMIT_MS });
      taken.push(monotonicMs() - begun);
    }
    await pause(machineClock, Math.max(0, stopMs - (monotonicMs() - begun)), signal);
    // What the others told meanwhile, it must not contradict: whoever asks it now asks the old queen.
    const direct = createHive({ url: victim.url, token, retries: 0 });
    const ids = [...run.accepted].slice(-LOOKS);
    const looks = ids.map((id) => readOnce(direct, id, history, signal));
    history.mark(`dispatcher ${servers.indexOf(victim) + 1} goes on`);
    process.kill(pid, "SIGCONT");
    await Promise.all([...looks, ...ids.map((id) => readOnce(direct, id, history, signal))]);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  return taken;
}
