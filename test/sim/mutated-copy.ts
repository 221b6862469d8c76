/** A copy of the sources in which one mutation at a time is made, and a scenario run. */

import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutation } from "./mutations.ts";

/** A mutation may also make a run go in circles: that is red too. In milliseconds. */
const RUN_MS = 100_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What the simulation is made of. */
const PARTS = ["packages/core", "packages/protocol", "apps/dispatcher", "apps/worker", "test/sim"];

/** A copy of the sources that the simulation needs, over the same installed packages. */
export interface Copy {
  readonly root: string;
  /** Runs a scenario in the copy. */
  run(scenario: string, seeds: number): Promise<{ readonly code: number; readonly output: string }>;
  /** Makes the change, calls `during`, and takes it back. @throws when the text to change is not there exactly once. */
  with<T>(mutation: Mutation, during: () => Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

/** Copies the sources to a temporary folder. */
export async function copySources(): Promise<Copy> {
  const root = await mkdtemp(join(tmpdir(), "hive-mutations-"));
  for (const part of PARTS) {
    await cp(join(ROOT, part), join(root, part), {
      recursive: true,
      filter: (path) => !/[\\/]node_modules([\\/]|$)|\.test\.ts$|[\\/]fixtures([\\/]|$)/.test(path),
    });
  }
  const modules = join(root, "node_modules");
  await mkdir(join(modules, "@hive"), { recursive: true });
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (name !== "@hive" && !name.startsWith(".")) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const name of ["core", "protocol"]) {
    await symlink(join(root, "packages", name), join(modules, "@hive", name));
  }
  await writeFile(join(root, "package.json"), '{ "type": "module", "private": true }\n');
  return {
    root,
    run: (scenario, seeds) =>
      new Promise((resolve) => {
        const args = [
          join(root, "test/sim/main.ts"),
          "--scenario",
          scenario,
          "--seeds",
          String(seeds),
          "--until-broken",
        ];
        execFile(
          process.execPath,
          args,
          { cwd: root, maxBuffer: 2 ** 26, timeout: RUN_MS },
          (error, stdout, stderr) => {
            resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}` });
          },
        );
      }),
    async with({ name, file, edits }, during) {
      const path = join(root, file);
      const source = await readFile(path, "utf8");
      let mutated = source;
      for (const [find, replace] of edits) {
        const found = source.split(find).length - 1;
        if (found !== 1) {
          throw new Error(
            `the mutation "${name}" finds its text ${found} times in ${file}; write it anew for that code`,
          );
        }
        mutated = mutated.replace(find, () => replace);
      }
      await writeFile(path, mutated);
      try {
        return await during();
      } finally {
        await writeFile(path, source);
      }
    },
    dispose: () => rm(root, { recursive: true, force: true }),
  };
}
