/**
 * `npm run faults [-- --only F1,F3] [--quick] [--seed N] [--store redis|sqlite]`: runs scenarios of the fault suite one
 * after the other, in full unless told otherwise, and prints the figures of each. Ends with 1 when a promise was broken.
 * `--mutations [--only text of a name]` instead makes careless changes to a copy, and ends with 1 unless each is seen.
 */
import { parseArgs } from "node:util";
import { biteAll } from "./mutations.ts";
import { type Planned, plan } from "./registry.ts";
import { type Size, type StoreKind, tellFigures } from "./scenario.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      store: { type: "string", default: "" },
      seed: { type: "string", default: "1" },
      quick: { type: "boolean", default: false },
      mutations: { type: "boolean", default: false },
    },
  });
  if (values.mutations) return (await biteAll(values.only)) ? 0 : 1;
  const size: Size = values.quick ? "quick" : "full";
  const seed = Number(values.seed);
  let failed = 0;
  for (const planned of plan(listOf(values.only), storesOf(values.store))) {
    if (!(await run(planned, size, seed))) failed += 1;
  }
  return failed > 0 ? 1 : 0;
}

/** True when every promise held. */
async function run({ scenario, store }: Planned, size: Size, seed: number): Promise<boolean> {
  const name = `${scenario.id} on ${store}`;
  if (scenario.needsRoot === true && process.getuid?.() !== 0) {
    console.log(`\n== ${name}: ${scenario.title}\nskipped without root`);
    return true;
  }
  console.log(`\n== ${name}: ${scenario.title} (${size}, seed ${seed})`);
  const begun = performance.now();
  try {
    const { figures, broken } = await scenario.run({ size, seed, store });
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`${tellFigures(figures)}; ${seconds} s`);
    for (const line of broken) console.log(`BROKEN ${line}`);
    return broken.length === 0;
  } catch (error) {
    console.log(`FAILED ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return false;
  }
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim().toUpperCase())
    .filter((part) => part !== "");
}

function storesOf(text: string): readonly StoreKind[] {
  if (text === "") return [];
  if (text === "sqlite" || text === "redis") return [text];
  throw new RangeError(`--store takes sqlite or redis, not "${text}"`);
}
