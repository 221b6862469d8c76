/** Every scenario of the fault suite in its small size, on the stores it names for that. `FAULTS_SEED` repeats a run's dice. */
import { expect, test } from "vitest";
import { plan } from "./registry.ts";
import { tellFigures } from "./scenario.ts";

const isRoot = process.getuid?.() === 0;
const seed = Number(process.env["FAULTS_SEED"] ?? "1");
const LIMIT_MS = 180_000;

for (const { scenario, store } of plan([], [])) {
  if (scenario.quickStores?.includes(store) === false) continue;
  const canRun = isRoot || scenario.needsRoot !== true;
  const title = `${scenario.id} on ${store}: ${scenario.title}${scenario.needsRoot === true ? ", as root" : ""}`;
  test.skipIf(!canRun)(title, { timeout: scenario.quickLimitMs ?? LIMIT_MS }, async () => {
    const begun = performance.now();
    const { figures, broken } = await scenario.run({ size: "quick", seed, store });
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`${scenario.id} on ${store}: ${tellFigures(figures)}; ${seconds} s, seed ${seed}`);
    expect(broken, "broken promises").toEqual([]);
  });
}
