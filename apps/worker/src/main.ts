/**
 * A worker as a program: reads its settings, puts the parts together, runs until it is told to leave. The first SIGTERM
 * or SIGINT lets the job finish within a grace, a second one gives it back at once. A worker of the `process` provider
 * also leaves when its parent is gone: it takes no more jobs, reports the one it has and ends.
 */

import { readFileSync } from "node:fs";
import { z } from "zod";
import { findAgents, listAgents } from "./agents/registry.ts";
import { ConfigError, readConfig, type WorkerConfig } from "./config.ts";
import { readCredential } from "./credential-file.ts";
import { createLog } from "./log.ts";
import { machineClock } from "./loops/clock.ts";
import { startWorker, type Worker } from "./start-worker.ts";
import { createTasks, JOB_PROGRAMS } from "./tasks/tasks.ts";
import { findTools } from "./tools.ts";
import { openWay } from "./way/way-to-server.ts";

async function start(config: WorkerConfig): Promise<Worker> {
  const log = createLog(config);
  const credential = await readCredential(config.credential, { clock: machineClock, say: (line) => log.info(line) });
  const way = await openWay(config, machineClock, (message) => log.warn(message));
  const realAgents = config.contained || config.allowUnisolated;
  const adapters = listAgents({ ...config, realAgents });
  const found = await findAgents(adapters, { path: config.path, llmBaseUrl: way.llmUrl });
  const agents = found.filter(({ found: { ok } }) => ok).map(({ adapter }) => adapter);
  for (const { adapter, found: answer } of found) if (!answer.ok) log.info("agent %s: %s", adapter.name, answer.why);
  return startWorker({
    config,
    credential,
    way,
    clock: machineClock,
    log,
    version: z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))).version,
    agents: agents.map(({ name }) => name),
    commandLines: realAgents,
    tools: findTools(config.path).then((tools) => ({ ...tools, ...versionsOf(found) })),
    mustReach: JOB_PROGRAMS,
    tasksWith: (git) => createTasks({ ...config, llmUrl: way.llmUrl, git, agents }),
  });
}

function versionsOf(found: Awaited<ReturnType<typeof findAgents>>): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const { adapter, found: one } of found) {
    // The demo agent is a script of ours: its version is Node's.
    if (one.ok && one.version !== null && one.version !== process.version) versions[adapter.name] = one.version;
  }
  return versions;
}

function obeySignals(worker: Worker, config: WorkerConfig): void {
  let asked = 0;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      asked += 1;
      if (asked === 1) worker.drain(name, config.drainMs);
      else worker.stopNow(name);
    });
  }
  process.on("SIGUSR2", () => process.stderr.write(`${worker.status().join("\n")}\n`));
  if (config.provider === "process") process.stdin.on("end", () => worker.drain("its parent is gone")).resume();
}

// Nobody may be left to read our words; that is no reason to die.
process.stderr.on("error", () => undefined);
try {
  const config = readConfig();
  const worker = await start(config);
  obeySignals(worker, config);
  await worker.done;
  process.exit(0);
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
}
