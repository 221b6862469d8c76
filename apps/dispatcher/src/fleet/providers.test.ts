/** The providers of this machine keep the promises of `provider.ts`. The docker provider's turn is in test/containers. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { systemClock } from "../clock.ts";
import { createFakeMachine, createFakeProvider, type FakeProvider } from "./fake-provider.ts";
import { createProcessProvider } from "./process-provider.ts";
import { providerSuite, type WorkerDoes } from "./provider.suite.ts";
import type { Launch } from "./provider.ts";

function launches(): (does: WorkerDoes, name?: string) => Launch {
  let made = 0;
  return (does, name) => {
    made += 1;
    const pool = { name: "default", image: null, cpus: null, memoryBytes: null, diskBytes: null, pids: null };
    return { launchId: `launch-${made}`, name: name ?? `worker-${made}`, slot: made, pool, env: { DOES: does } };
  };
}

providerSuite("fake", async () => {
  const machine = createFakeMachine();
  const ended = new Set<string>();
  let provider: FakeProvider | null = null;
  return {
    async open() {
      const opened = createFakeProvider({ clock: systemClock, machine });
      provider = opened;
      return {
        ...opened,
        async start(launch) {
          await opened.start(launch);
          if (launch.env["DOES"] === "ignores") opened.ignoreStop(launch.launchId);
          if (launch.env["DOES"] !== "ends" || ended.has(launch.launchId)) return;
          ended.add(launch.launchId);
          opened.end(launch.launchId, { code: 3, lastWords: "no server there" });
        },
      };
    },
    launch: launches(),
    untilUp: () => Promise.resolve(),
    kill: async ({ launchId }) => provider?.end(launchId, { code: null, signal: "SIGKILL", outside: true }),
    dispose: () => Promise.resolve(),
  };
});

const WORKER = `
  if (process.env.DOES === "ends") { console.error("no server there"); process.exit(3); }
  process.on("SIGTERM", () => process.env.DOES === "stays" && process.exit(0));
  setInterval(() => {}, 60000);
  console.error("up " + process.pid);
`;

providerSuite("process", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hive-providers-"));
  const ups = new Map<string, PromiseWithResolvers<number>>();
  const upOf = ({ launchId }: Pick<Launch, "launchId">): PromiseWithResolvers<number> => {
    const known = ups.get(launchId) ?? Promise.withResolvers<number>();
    ups.set(launchId, known);
    return known;
  };
  return {
    open: () =>
      createProcessProvider({
        folder,
        command: [process.execPath, "-e", WORKER, folder],
        clock: { after: (ms, run) => systemClock.after(Math.min(ms, 50), run) },
        onLine: (worker, line) => {
          if (line.startsWith("up ")) upOf(worker).resolve(Number(line.slice(3)));
        },
      }),
    launch: launches(),
    untilUp: async (launch) => void (await upOf(launch).promise),
    async kill(launch) {
      const pid = await upOf(launch).promise;
      process.kill(pid, "SIGKILL");
      while (await isAlive(pid)) await new Promise(setImmediate);
    },
    async dispose() {
      // One that no list shows would be a worker that nobody can stop.
      expect(await processesWith(folder)).toEqual([]);
      await rm(folder, { recursive: true, force: true });
    },
    differences: {
      endsOfEarlierLives: "they are not our children, and only a parent is told a code",
      killsFromOutside: "nothing separates a job from its worker, and memory has no limit of its own",
    },
  };
});

/** Ids of processes that were given this argument. */
async function processesWith(argument: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.split("\0").includes(argument)) found.push(pid);
  }
  return found;
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !/\) [ZX]/.test(stat);
}
