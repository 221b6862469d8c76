/** `npm run demo -- --exit` as a newcomer types it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort, plainEnvironment } from "./hive-process.ts";
import { withTraces } from "./processes.ts";
import { runProgram } from "./run-program.ts";

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
