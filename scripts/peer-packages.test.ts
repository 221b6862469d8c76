// The packages of a peer folder are installed once, again when the lock file changes, and never into the checkout's own
// node_modules. Runs the real npm on a small copy whose only package is a folder, so that no registry is asked.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkout } from "./checkout.ts";

let copy: string;
let peer: string;

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), "hive-peers-"));
  peer = join(copy, "test", "peers", "one");
  await mkdir(join(copy, "scripts"));
  await mkdir(join(peer, "given"), { recursive: true });
  for (const file of await readdir(join(checkout, "scripts"))) {
    if (!file.endsWith(".test.ts")) await cp(join(checkout, "scripts", file), join(copy, "scripts", file));
  }
  await writeJson(join(copy, "package.json"), {
    name: "copy",
    private: true,
    type: "module",
    workspaces: ["packages/*"],
  });
  await writeJson(join(peer, "given", "package.json"), { name: "given", version: "1.0.0" });
  await writeJson(join(peer, "package.json"), { name: "one", private: true, dependencies: { given: "file:given" } });
  await writeJson(join(peer, "package-lock.json"), lock("one"));
});

afterEach(async () => {
  await rm(copy, { recursive: true, force: true });
});

it("a folder that was never installed is installed into itself, and only once", async () => {
  const first = await install();
  expect(first).toMatchObject({ code: 0 });
  expect(first.output).toContain("Installing the packages of test/peers/one");
  expect(existsSync(join(peer, "node_modules", "given", "package.json"))).toBe(true);
  expect(existsSync(join(copy, "node_modules"))).toBe(false);
  expect(await install()).toEqual({ code: 0, output: "" });
});

it("a changed lock file installs again", async () => {
  await install();
  await writeFile(join(peer, "package-lock.json"), `${await readFile(join(peer, "package-lock.json"), "utf8")}\n`);
  expect((await install()).output).toContain("Installing the packages of test/peers/one");
});

it("a lock file that does not fit the package.json is a failure that says so, also the next time", async () => {
  await writeJson(join(peer, "package.json"), {
    name: "one",
    private: true,
    dependencies: { given: "file:given", more: "file:more" },
  });
  for (const time of ["first", "second"]) {
    const { code, output } = await install();
    expect([time, code]).toEqual([time, 1]);
    expect(output).toContain("npm ci in test/peers/one failed");
  }
});

/** Runs the script as `npm run` in the checkout would, with what npm puts into the environment. */
function install(): Promise<{ code: number; output: string }> {
  const npm = { npm_config_local_prefix: copy, npm_package_json: join(copy, "package.json"), INIT_CWD: copy };
  const env = { ...process.env, ...npm, npm_lifecycle_event: "test", npm_package_name: "copy" };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["scripts/peer-packages.ts"],
      { cwd: copy, env },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, output: stdout + stderr });
      },
    );
  });
}

function writeJson(path: string, value: object): Promise<void> {
  return writeFile(path, JSON.stringify(value, null, 2));
}

function lock(name: string): object {
  return {
    name,
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { name, dependencies: { given: "file:given" } },
      given: { version: "1.0.0" },
      "node_modules/given": { resolved: "given", link: true },
    },
  };
}
