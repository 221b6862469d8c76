// How the tests run. Six projects, so that `npm test` can show each as a step of its own: `unit` beside the code,
// `sim` for the simulation, `system` for whole programs with real peers, `web` for the pages in a real browser, `faults` for those that are killed, starved and
// cut off, `containers` for those in containers. Every
// test runs in its own process (node:sqlite, process.chdir and signals are safe there) and an unhandled error anywhere
// fails the run.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

if (Number(process.versions.node.split(".")[0]) < 24) {
  throw new Error(`Hive's tests need Node 24 or newer and this is ${process.version}: run them with "npm test".`);
}

// A developer's own settings, keys and git identity must change no result: what a test needs, it sets itself.
for (const name of Object.keys(process.env)) {
  if (/^(HIVE|ANTHROPIC|OPENAI|GEMINI|GOOGLE|CLAUDE|GITHUB|GIT)_|^(INTERNAL_API_TOKEN|CALLBACK_SECRET)$/.test(name)) {
    delete process.env[name];
  }
}
process.env.GIT_CONFIG_GLOBAL = "/dev/null";
process.env.GIT_CONFIG_NOSYSTEM = "1";
process.env.GIT_TERMINAL_PROMPT = "0";

const everywhere = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  test: {
    pool: "forks",
    // Real processes need a moment to stop; a run that hangs in its end is cut.
    teardownTimeout: 20_000,
    dangerouslyIgnoreUnhandledErrors: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/**/*.test.ts", "apps/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: everywhere,
          pool: "forks",
          maxWorkers: availableParallelism(),
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "sim",
          include: ["test/sim/**/*.test.ts"],
          exclude: everywhere,
          pool: "forks",
          maxWorkers: availableParallelism(),
          testTimeout: 240_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "system",
          include: ["test/**/*.test.ts"],
          exclude: [...everywhere, "test/sim/**", "test/faults/**", "test/containers/**", "test/web/**"],
          pool: "forks",
          // One file at a time: each starts dispatchers, workers and agents that want the cores themselves.
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "web",
          include: ["test/web/**/*.test.ts"],
          exclude: everywhere,
          // Builds the pages, once for all files.
          globalSetup: ["test/web/global-setup.ts"],
          pool: "forks",
          // A browser, a server and its workers want the cores themselves.
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          exclude: everywhere,
          pool: "forks",
          // Each scenario wants the machine for itself: its figures are times.
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: "containers",
          include: ["test/containers/**/*.test.ts"],
          exclude: everywhere,
          // Starts a Docker Engine and builds the images, once for all files.
          globalSetup: ["test/containers/global-setup.ts"],
          pool: "forks",
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
