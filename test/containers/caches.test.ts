/** Dependency caches between containers that live for one job each: all that comes over came through the server. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GitHost, startGitHost } from "../e2e/git-host.ts";
import type { HiveProcess } from "../e2e/hive-process.ts";
import { startFleetHive, untilEngineIsEmpty } from "./fleet-hive.ts";
import { engine, isMissing } from "./test-engine.ts";

const CONFIG = `
caches: [node_modules, ~/.store]
setup: "[ -e node_modules/made ] || { mkdir -p node_modules/.bin ~/.store; cat /proc/sys/kernel/random/uuid > node_modules/made; ln -s ../made node_modules/.bin/made; cp node_modules/made ~/.store/made; chmod 500 node_modules; }"
build: cmp node_modules/.bin/made ~/.store/made
test: cmp node_modules/.bin/made ~/.store/made; echo "made $(cat node_modules/made) on $(hostname)"
`;

describe.skipIf(isMissing)("caches of workers in containers", () => {
  let host: GitHost;
  let hive: HiveProcess;

  beforeAll(async () => {
    host = await startGitHost();
    hive = await startFleetHive(engine, { env: { HIVE_WORKERS: "1" } });
  });
  afterAll(async () => {
    await hive.dispose();
    await host.stop();
    await untilEngineIsEmpty(engine.socket, 60_000);
  });

  const logOf = async (jobId: string): Promise<string> => (await hive.fetch(`/v1/jobs/${jobId}/logs`)).text();

  test("what a build made is there in the next job's container, and not in one of another repository", async () => {
    const repo = host.makeRepo("cached.git", { ".hive/config.yaml": CONFIG });
    const other = host.makeRepo("other.git", { ".hive/config.yaml": CONFIG });
    const build = await hive.run({ jobId: "fills", repo, task: "build" });
    expect(build, await logOf("fills")).toMatchObject({ status: "succeeded", result: { isolation: "container" } });
    expect(await logOf("fills")).toMatch(/^caches: node_modules kept: \d+ bytes/m);
    const made: (string | undefined)[] = [];
    for (const [jobId, from] of [
      ["reads", repo],
      ["reads-again", repo],
      ["has-none", other],
    ] as const) {
      const job = await hive.run({ jobId, repo: from, task: "test" });
      const log = await logOf(jobId);
      expect(job, log).toMatchObject({ status: "succeeded" });
      expect(log).toContain(from === repo ? "caches: ~/.store restored: " : "caches: ~/.store is not there yet");
      made.push(/^made (\S+)/m.exec(log)?.[1]);
    }
    expect(made[0]).toBe(made[1]);
    expect(made[2]).not.toBe(made[0]);
  });
});
