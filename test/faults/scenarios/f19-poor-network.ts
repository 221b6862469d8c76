/**
 * F19: between the dispatcher and its workers lies a poor network: late, slow, cut at any byte, answers lost. Whoever does
 * not know whether a call was heard sends it again as it was, logs go on where they are known to be, and nothing happens
 * twice.
 */
import { machineClock, pause } from "../../../apps/worker/src/loops/clock.ts";
import { startTcpProxy, type TcpProxy } from "../../peers/tcp-proxy.ts";
import type { Dice } from "../../sim/dice.ts";
import { runUnderLoad } from "../load-run.ts";
import { type Scenario, type ScenarioOptions, type ScenarioOutcome, sized } from "../scenario.ts";

export const poorNetwork: Scenario = {
  id: "F19",
  title: "a late, slow network that cuts connections at any byte and loses answers costs time and nothing else",
  stores: ["sqlite", "redis"],
  quickStores: ["redis"],
  run,
};

const PLAN = {
  quick: { jobs: 14, spells: 10, spellMs: 500, delayMs: 200, bytesPerSecond: 20_000 },
  full: { jobs: 300, spells: 80, spellMs: 3_000, delayMs: 2_000, bytesPerSecond: 1_000 },
};
/** Ways of being bad, one after the other. */
const KINDS = 5;

async function run(options: ScenarioOptions): Promise<ScenarioOutcome> {
  const plan = sized(options.size, PLAN);
  const { jobs, spells, spellMs } = plan;
  const proxy = await startTcpProxy();
  await using _ = { [Symbol.asyncDispose]: () => proxy.dispose() };
  return await runUnderLoad({
    ...options,
    id: "F19",
    jobs,
    world: {
      callbacks: false,
      workers: 4,
      workerUrls: ([url = ""]) => {
        proxy.pointTo(Number(new URL(url).port));
        return [`http://127.0.0.1:${proxy.port}`];
      },
    },
    async harm({ dice, done, history, harmed, signal }) {
      const chance = dice("network");
      for (let spell = 0; (spell < spells || done() < 0.8) && !signal.aborted; spell += 1) {
        harmed(Math.min(1, spell / spells));
        history.mark(beBad(proxy, chance, { ...plan, kind: spell % KINDS }));
        await pause(machineClock, spellMs, signal);
        await proxy.heal();
      }
      const { answersCut, cutMidway, connections } = proxy.counts;
      return {
        figures: { spells, connections, "answers cut": answersCut, "connections cut midway": cutMidway },
        least: [
          ["answers cut", answersCut, spells / 2],
          ["connections cut midway", cutMidway, spells / 2],
        ],
      };
    },
  });
}

interface Badness {
  readonly kind: number;
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

/** Begins to be bad in one way; tells which. */
function beBad(proxy: TcpProxy, chance: Dice, { delayMs, bytesPerSecond, kind }: Badness): string {
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
