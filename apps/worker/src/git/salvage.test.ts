import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type GitWorld,
  openWorkspace,
  plainGit,
  publishOptions,
  startGitWorld,
  TOKEN,
  writeFiles,
} from "./git-fixture.ts";
import { salvage } from "./publish.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

function served(repo: string): string {
  return join(world.folder, "served", repo);
}

describe("salvage", () => {
  it("keeps work in a bundle where the remote takes nothing, and anybody can open it", async () => {
    const repo = await world.makeRepo("kept.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "precious\n" });
    writeFileSync(join(served(repo), "hooks", "pre-receive"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const kept = await salvage({
      ...publishOptions(world, workspace),
      jobId: "job-1",
      fence: 3,
      file: join(workspace.folder, "kept"),
    });
    if (kept.end !== "bundle") throw new Error(JSON.stringify(kept));
    const clone = world.newFolder("clone");
    plainGit(clone, "clone", "-q", served(repo), ".");
    plainGit(clone, "fetch", "-q", kept.file, "refs/hive/work/*:refs/heads/salvage/*");
    const [branch = ""] = plainGit(clone, "for-each-ref", "--format=%(refname)", "refs/heads/salvage").split("\n");
    expect(plainGit(clone, "show", `${branch}:a.txt`)).toBe("precious");
  });

  it("keeps work that holds a secret as a patch without the secret", async () => {
    const repo = await world.makeRepo("kept-secret.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": `precious\n${TOKEN}\n` });
    const kept = await salvage({
      ...publishOptions(world, workspace),
      jobId: "job-1",
      fence: 3,
      file: join(workspace.folder, "kept"),
    });
    if (kept.end !== "patch") throw new Error(JSON.stringify(kept));
    expect(readFileSync(kept.file, "utf8")).toContain("+precious\n+***\n");
    expect(plainGit(served(repo), "branch", "--list", "hive/*")).toBe("");
  });

  it("has nothing to keep when nothing was done", async () => {
    const repo = await world.makeRepo("kept-nothing.git");
    const workspace = await openWorkspace(world, repo);
    expect(
      await salvage({
        ...publishOptions(world, workspace),
        jobId: "job-1",
        fence: 3,
        file: join(workspace.folder, "kept"),
      }),
    ).toEqual({ end: "nothing" });
  });
});
