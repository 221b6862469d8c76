/** What F5 and F6 have in common: a Redis that is gone for a while, again and again, under two dispatchers and light workers. */
import { machineClock, pause } from "../../apps/worker/src/loops/clock.ts";
import type { RedisServer } from "../peers/redis/redis-server.ts";
import { type Dice, dice } from "../sim/dice.ts";
import { monotonicMs } from "./history.ts";
import { type LightRun, runLight, throughAny } from "./light-run.ts";
import { upAndReady } from "./queens.ts";
import { startReplicas } from "./replicas.ts";
import { type ScenarioOptions, type ScenarioOutcome, sized, tellTimes } from "./scenario.ts";

/** Longer than a time-out of whoever meets a dispatcher without a store. */
const LEASE_MS = 6_000;
const READY_LIMIT_MS = 30_000;
/** Generous: 3 s are meant, this machine may be busy. */
const UNREADY_LIMIT_MS = 8_000;
const LOOK_MS = 50;

export interface RedisHarm extends ScenarioOptions {
  readonly id: string;
  /** How the figures call it. */
  readonly what: "stops" | "kills";
  readonly times: { readonly quick: number; readonly full: number };
  readonly jobs: { readonly quick: number; readonly full: number };
  /** Takes it away, waits as long as it should be gone, and brings it back. */
  readonly once: (redis: RedisServer, run: LightRun, chance: Dice) => Promise<void>;
  /** It is gone for so long that dispatchers must say that they are not ready. */
  readonly mustBeUnready: boolean;
}

/** Runs it. */
export async function runRedisHarm(options: RedisHarm): Promise<ScenarioOutcome> {
  const { size, seed, id, what } = options;
  const times = sized(size, options.times);
  await using replicas = await startReplicas({ store: "redis", count: 2, env: { HIVE_LEASE_MS: String(LEASE_MS) } });
  const { redis, servers, urls } = replicas;
  if (redis === null) throw new Error("a Redis was asked for");
  const unreadyMs: number[] = [];
  const readyMs: number[] = [];
  return await runLight({
    name: id,
    seed,
    ...throughAny(replicas),
    readUrls: urls,
    workers: 8,
    jobs: sized(size, options.jobs),
    holdMs: 3_000,
    harm: async (run) => {
      const chance = dice(seed, id);
      for (let time = 0; time < times && !run.signal.aborted; time += 1) {
        await upAndReady(servers, READY_LIMIT_MS);
        await pause(machineClock, chance.int(300, 1_500), run.signal);
        run.history.mark(`redis: ${what}`);
        const begun = monotonicMs();
        const back = options.once(redis, run, chance);
        if (options.mustBeUnready) unreadyMs.push(await untilUnready(urls, begun));
        await back;
        run.history.mark("redis is back");
        const backAt = monotonicMs();
        await upAndReady(servers, READY_LIMIT_MS);
        readyMs.push(monotonicMs() - backAt);
      }
      return { [what]: times, "not ready after": tellTimes(unreadyMs), "ready after": tellTimes(readyMs) };
    },
    verdict: ({ live, unknown, work }) => {
      const broken: string[] = [];
      // Workers were well all the time: what they hold is theirs when the store is back.
      if (live.losses() > 0) broken.push(`${live.losses()} leases of workers that were well were taken away`);
      for (const ms of unreadyMs.filter((one) => one > UNREADY_LIMIT_MS))
        broken.push(`it took ${Math.round(ms)} ms until dispatchers without a store said that they are not ready`);
      if (unknown() + work.unknown + readyMs.length === 0) broken.push("the run proves little: nobody noticed");
      return broken;
    },
  });
}

/** Milliseconds since `begun` until no dispatcher says that it takes work; the limit where one never ceases. */
async function untilUnready(urls: readonly string[], begun: number): Promise<number> {
  for (;;) {
    const ready = await Promise.all(urls.map(isReady));
    const ms = monotonicMs() - begun;
    if (!ready.includes(true) || ms > UNREADY_LIMIT_MS) return ms;
    await pause(machineClock, LOOK_MS, new AbortController().signal);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1_000) });
    await reply.body?.cancel();
    return reply.status === 200;
  } catch {
    return false;
  }
}
