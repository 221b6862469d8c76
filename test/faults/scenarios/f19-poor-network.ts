/**
 * F19: between the dispatcher and its clients and workers lies a poor network: late, slow, cut at any byte, answers lost.
 * Whoever does not know whether a call was heard sends it again as it was, and nothing happens twice.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { startTcpProxy, type TcpProxy } from "../../peers/tcp-proxy.ts";
import { type Dice, dice } from "../../sim/dice.ts";
import { runLight } from "../light-run.ts";
import { startReplicas } from "../replicas.ts";
import { type Scenario, type ScenarioOptions, sized } from "../scenario.ts";

export const poorNetwork: Scenario = {
  id: "F19",
  title: "a late, slow network that cuts connections at any byte and loses answers costs time and nothing else",
  stores: ["sqlite"],
  run,
};

const PLAN = {
  quick: { jobs: 60, workers: 8, spells: 10, spellMs: 400, delayMs: 120, bytesPerSecond: 60_000 },
  full: { jobs: 300, workers: 12, spells: 60, spellMs: 2_000, delayMs: 2_000, bytesPerSecond: 1_000 },
};

async function run({ size, seed, store }: ScenarioOptions) {
  const { jobs, workers, spells, spellMs, delayMs, bytesPerSecond } = sized(size, PLAN);
  await using replicas = await startReplicas({ store, count: 1, env: { HIVE_LEASE_MS: "6000" } });
  const proxy = await startTcpProxy({ to: replicas.port(0) });
  await using _ = { [Symbol.asyncDispose]: () => proxy.dispose() };
  const chance = dice(seed, "F19");
  const bad = `http://127.0.0.1:${proxy.port}`;
  return await runLight({
    name: `F19-${store}`,
    seed,
    token: replicas.token,
    secret: replicas.secret,
    cleanUrl: replicas.urls[0],
    clientUrl: bad,
    workerUrls: [bad],
    workers,
    jobs,
    holdMs: 200,
    restMs: 120_000,
    async harm({ history, signal }) {
      for (let spell = 0; spell < spells && !signal.aborted; spell += 1) {
        history.mark(beBad(proxy, chance, { delayMs, bytesPerSecond, kind: spell % KINDS }));
        await pause(machineClock, spellMs, signal);
        await proxy.heal();
      }
      const { answersCut, cutMidway, connections } = proxy.counts;
      return { spells, connections, "answers cut": answersCut, "connections cut midway": cutMidway };
    },
    verdict: () =>
      proxy.counts.answersCut < spells / 2 || proxy.counts.cutMidway < spells / 2
        ? [`the run proves little: ${proxy.counts.answersCut} answers cut, ${proxy.counts.cutMidway} cut midway`]
        : [],
  });
}

const KINDS = 5;

/** One way of being bad; tells which. */
function beBad(
  proxy: TcpProxy,
  chance: Dice,
  { delayMs, bytesPerSecond, kind }: { delayMs: number; bytesPerSecond: number; kind: number },
): string {
  switch (kind) {
    case 0:
      proxy.cutAnswers(() => chance.chance(0.3));
      return "answers are lost";
    case 1:
      proxy.cutAfter(() => chance.int(0, 4_000), "requests");
      return "requests are cut";
    case 2:
      proxy.delay(() => chance.int(0, delayMs));
      proxy.cutAnswers(() => chance.chance(0.1));
      return "all is late";
    case 3:
      proxy.cutAfter(() => chance.int(0, 6_000), "answers");
      return "answers are cut";
    default:
      proxy.slow(bytesPerSecond);
      return "all is slow";
  }
}
