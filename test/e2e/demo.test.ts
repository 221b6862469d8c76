/** `npm run demo -- --exit` as a newcomer types it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort, plainEnvironment, ROOT } from "./hive-process.ts";
import { withTraces } from "./processes.ts";
import { runProgram } from "./run-program.ts";
import { until } from "./until.ts";

const folder = mkdtempSync(join(tmpdir(), "hive-e2e-demo-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("npm run demo -- --exit runs every job to its branch, shows the table and ends with 0", async () => {
  const env = plainEnvironment({ HIVE_DATA: folder, HIVE_PORT: String(await freePort()) });
  const { code, stdout, stderr } = await runProgram(["npm", "run", "demo", "--", "--exit"], env);
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^JOB +STATUS +BRANCH +COMMIT +TIME BY PHASE$/m);
  for (const job of ["demo-readme", "demo-script", "demo-changes", "demo-license", "demo-next"]) {
    expect(stdout).toMatch(new RegExp(`^${job} +succeeded +ci/${job} +[0-9a-f]{10} +prepare `, "m"));
  }
  expect(stdout).toContain("Every branch is in the repository.");
  expect(stdout).toContain("git --git-dir");
  expect(withTraces({ folder, uids: [-2, -2] })).toEqual([]);
});

test.for([
  ["start", "Next         npm run hive"],
  ["demo", "Ctrl-C ends it."],
] as const)("Ctrl-C in a terminal ends npm run %s in order", async ([script, ready]) => {
  const env = plainEnvironment({ HIVE_DATA: join(folder, script), HIVE_PORT: String(await freePort()) });
  // A group of its own, as a terminal makes one: everybody in it gets the signal, and npm hands it on once more.
  const child = spawn("npm", ["run", script], { cwd: ROOT, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      printed += chunk.toString("utf8");
    });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    await until("the program to be ready", () => printed.includes(ready), { more: () => printed });
    process.kill(-(child.pid ?? 0), "SIGINT");
    expect(await ended, printed).toBe(0);
    expect(printed).not.toContain("gateway ended");
    await until("all its processes to be gone", () => withTraces({ folder, uids: [-2, -2] }).length === 0);
  } finally {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }
});
