/** `npm start`: read the settings, choose where things are kept, start, wait for a signal, stop. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { banner } from "./banner.ts";
import { openCacheFiles } from "./caches/cache-files.ts";
import { ConfigError } from "./config.ts";
import { startDispatcher } from "./dispatcher.ts";
import { systemClock } from "./clock.ts";
import { chooseFleet } from "./fleet/choose-fleet.ts";
import { createLog } from "./log.ts";
import { SecretsFileError } from "./secrets/secrets-file.ts";
import { readSettings } from "./settings.ts";
import { chooseStorage } from "./storage.ts";
import { isStartRefusal } from "./store/start-refusal.ts";

/** Signals this close together are one wish of one person. */
const SAME_SIGNAL_MS = 500;

async function main(): Promise<void> {
  const { config, secrets, llm, variable, tokenHint } = await readSettings();
  const log = createLog(config.log);
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const storage = chooseStorage(config, log);
  const caches = { folder: join(config.data, "caches"), budgetBytes: config.cacheBytes, wall: Date.now };

  const fleet = await chooseFleet(config, systemClock);
  const dispatcher = await startDispatcher({
    config,
    secrets,
    llm,
    log,
    fleet,
    storage,
    openCaches: async () =>
      config.cacheBytes === 0 ? null : openCacheFiles({ ...caches, onTrouble: (message) => log.warn(message) }),
    variable,
    tokenHint,
  });
  const { url, hasPages } = dispatcher;
  process.stdout.write(`${banner(config, { url, hasPages, tokenHint, isolation: fleet.isolation })}\n`);

  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve);
  });
  // A second signal means now. Not one that comes with the first: npm hands on a Ctrl-C the terminal told us already.
  const told = performance.now();
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => {
      if (performance.now() - told > SAME_SIGNAL_MS) process.exit(1);
    });
  log.info(`${signal}: stopping`);
  await dispatcher.stop();
  storage.close();
}

try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

/** A start that failed, in words a person can act on; anything unforeseen keeps its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof SecretsFileError || isStartRefusal(error)) return error.message;
  if (error instanceof Error && "code" in error && "port" in error) {
    if (error.code === "EADDRINUSE")
      return `Port ${String(error.port)} is in use. Start with another one: HIVE_PORT=${Number(error.port) + 1} npm start`;
    if (error.code === "EACCES")
      return `This user may not listen on port ${String(error.port)}. Start with another one: HIVE_PORT=8099 npm start`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
