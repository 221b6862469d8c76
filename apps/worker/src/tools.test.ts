import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEnvironment } from "./environment.ts";
import { findTools } from "./tools.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-tools-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
  await chmod(join(folder, name), 0o755);
}

test("tools are named with the version they tell, each asked in its own way; what is missing or mute is left out", async () => {
  await program("git", 'echo "git version 2.39.5"');
  await program("go", 'echo "go version go$([ "$1" = version ] && echo 1.25.1) linux/amd64"');
  await program("cargo", "exit 1");
  // Of an npm package the manifest is read: nothing is started.
  await mkdir(join(folder, "lib/npm/bin"), { recursive: true });
  await writeFile(join(folder, "lib/npm/package.json"), '{"version":"11.6.0","bin":{"npm":"bin/npm-cli.js"}}');
  await writeFile(join(folder, "lib/npm/bin/npm-cli.js"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  await symlink("lib/npm/bin/npm-cli.js", join(folder, "npm"));
  expect(await findTools(folder)).toEqual({ git: "2.39.5", go: "1.25.1", npm: "11.6.0" });
});

test("a worker's environment names its image, its code and its tools", async () => {
  const image = { name: "hive-worker", digest: "sha256:abc" };
  const tools = Promise.resolve({ git: "2.39.5" });
  expect(await describeEnvironment({ provider: "docker", image }, "container", tools)).toEqual({
    isolation: "container",
    provider: "docker",
    image,
    build: null,
    tools: { git: "2.39.5" },
  });
});
