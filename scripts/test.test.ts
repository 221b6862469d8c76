// `npm test` is what everybody trusts, so its own promises are tested on a small copy of the checkout: the counts are the
// last line and plain, the exit code tells the truth, and a build server takes no skipped test for a passed one.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkout } from "./checkout.ts";

let copy: string;

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), "hive-npm-test-"));
  await mkdir(join(copy, "scripts"));
  await mkdir(join(copy, "packages"));
  for (const file of await readdir(join(checkout, "scripts"))) {
    if (!file.endsWith(".test.ts")) await cp(join(checkout, "scripts", file), join(copy, "scripts", file));
  }
  for (const file of ["package.json", "vitest.config.ts"]) await cp(join(checkout, file), join(copy, file));
  await symlink(join(checkout, "node_modules"), join(copy, "node_modules"));
});

afterEach(async () => {
  await rm(copy, { recursive: true, force: true });
});

it("the last line counts and the exit code is 0 when everything passed", async () => {
  await plant('it("holds", () => {});\nit("holds too", () => {});');
  expect(await npmTest(["unit"])).toEqual({ code: 0, last: "2 passed, 0 failed, 0 skipped" });
});

it("one failed test is counted and the exit code is 1", async () => {
  await plant('it("holds", () => {});\nit("breaks", () => {\n  throw new Error("broken");\n});');
  expect(await npmTest(["unit"])).toEqual({ code: 1, last: "1 passed, 1 failed, 0 skipped" });
});

it("a skipped test is counted, and a failure on a build server", async () => {
  await plant('it("holds", () => {});\nit.skip("needs a peer", () => {});');
  expect(await npmTest(["unit"])).toEqual({ code: 0, last: "1 passed, 0 failed, 1 skipped" });
  expect(await npmTest(["unit"], "true")).toEqual({ code: 1, last: "1 passed, 1 failed, 0 skipped" });
});

it("an error outside every test is a failure", async () => {
  await plant('it("holds", () => {\n  void Promise.reject(new Error("nobody waits for this"));\n});');
  expect(await npmTest(["unit"])).toEqual({ code: 1, last: "1 passed, 1 failed, 0 skipped" });
});

it("a file that cannot be loaded is a failure", async () => {
  await plant('import "./missing.ts";\nit("is never reached", () => {});');
  expect(await npmTest(["unit"])).toEqual({ code: 1, last: "0 passed, 1 failed, 0 skipped" });
});

it("a step that does not exist is named", async () => {
  const { code, last } = await npmTest(["units"]);
  expect(code).toBe(2);
  expect(last).toContain('There is no step "units". Steps: peers, types, web-types, browser-types, format');
});

async function plant(tests: string): Promise<void> {
  await writeFile(join(copy, "packages", "planted.test.ts"), `import { it } from "vitest";\n${tests}\n`);
}

function npmTest(args: readonly string[], ci = ""): Promise<{ code: number; last: string }> {
  // The test runner inside must not take itself for a part of the one outside.
  const outer = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_ENV$|CI$)/.test(name));
  const env = { ...Object.fromEntries(outer), ...(ci === "" ? {} : { CI: ci }) };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["scripts/test.ts", ...args],
      { cwd: copy, env },
      (_error, stdout, stderr) => {
        const lines = `${stderr}${stdout}`.trimEnd().split("\n");
        resolve({ code: child.exitCode ?? -1, last: lines.at(-1) ?? "" });
      },
    );
  });
}
