/**
 * `npm run faults`: runs scenarios of the fault suite one after the other, in full unless told otherwise, and prints the
 * figures of each; or makes careless changes and sees that they are noticed. Ends with 1 when a promise was broken, with 2
 * when it was asked for what there is not. `--help` says what can be asked.
 */
import { biteAll } from "./bite.ts";
import { type Asked, readCommandLine } from "./command-line.ts";
import type { Planned } from "./registry.ts";
import { type ScenarioOptions, tellFigures } from "./scenario.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  let asked: Asked;
  try {
    asked = readCommandLine(process.argv.slice(2));
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nnpm run faults -- --help says what can be asked.`,
    );
    return 2;
  }
  switch (asked.what) {
    case "help":
      console.log(asked.text);
      return 0;
    case "mutations":
      return (await biteAll(asked.only)) ? 0 : 1;
    case "run": {
      let failed = 0;
      for (const planned of asked.planned) if (!(await run(planned, asked.options))) failed += 1;
      return failed > 0 ? 1 : 0;
    }
  }
}

/** True when every promise held. */
async function run({ scenario, store }: Planned, options: Omit<ScenarioOptions, "store">): Promise<boolean> {
  const name = `${scenario.id} on ${store}`;
  if (scenario.needsRoot === true && process.getuid?.() !== 0) {
    console.log(`\n== ${name}: ${scenario.title}\nskipped without root`);
    return true;
  }
  console.log(`\n== ${name}: ${scenario.title} (${options.size}, seed ${options.seed})`);
  const begun = performance.now();
  try {
    const { figures, broken } = await scenario.run({ ...options, store });
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`${tellFigures(figures)}; ${seconds} s`);
    for (const line of broken) console.log(`BROKEN ${line}`);
    return broken.length === 0;
  } catch (error) {
    console.log(`FAILED ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return false;
  }
}
