import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  commitInside,
  type GitWorld,
  openWorkspace,
  plainGit,
  publishOptions,
  startGitWorld,
  TOKEN,
  writeFiles,
} from "./git-fixture.ts";
import { publish } from "./publish.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

// Put together here, so that this file itself holds nothing that looks like a token.
const OTHER_TOKEN = ["ghp", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"].join("_");

function served(repo: string): string {
  return join(world.folder, "served", repo);
}

describe("the secret scan", () => {
  const hidden: readonly (readonly [string, Record<string, string>, string])[] = [
    [
      "the job's token in a file",
      { "conf/app.env": `A=1\nTOKEN=${TOKEN}\n` },
      "a secret of this job in conf/app.env, line 2",
    ],
    [
      "the job's token in base64",
      { "x.txt": Buffer.from(`user:${TOKEN}:x`).toString("base64") },
      "a secret of this job in x.txt, line 1",
    ],
    [
      "the job's token in a binary file",
      { "x.bin": `\u0000\u0001${TOKEN}\u0000` },
      "a secret of this job in x.bin, line 1",
    ],
    [
      "the job's token far into one long line",
      { "x.js": `${"a".repeat(3_000_000)}${TOKEN}${"b".repeat(100_000)}` },
      "a secret of this job in x.js, line 1",
    ],
    ["somebody's GitHub token", { "ä.txt": `\n\n++ b/else\n${OTHER_TOKEN}\n` }, "a GitHub token in ä.txt, line 4"],
    ["a private key", { id_rsa: "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n" }, "a private key in id_rsa, line 1"],
  ];

  it.each(hidden)("finds %s and says where, not what", async (what, files, place) => {
    const repo = await world.makeRepo(`scan-${what.replace(/\W/g, "")}.git`);
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, files);
    const options = publishOptions(world, workspace);
    const outcome = await publish(options);
    expect(outcome).toMatchObject({ end: "failed", error: { code: "secret_in_diff", kind: "work" } });
    if (outcome.end !== "failed") return;
    expect(outcome.error.message).toContain(place);
    expect(JSON.stringify(outcome)).not.toContain(TOKEN);
    expect(options.announcements).toEqual([]);
    expect(plainGit(served(repo), "branch", "--list", "hive/*")).toBe("");
  });

  it("finds one that a later commit took out again, in a message and in a merge", async () => {
    const repo = await world.makeRepo("history.git");
    const workspace = await openWorkspace(world, repo);
    commitInside(workspace.repo, { "a.txt": `${TOKEN}\n` });
    commitInside(workspace.repo, { "a.txt": "clean\n" }, `remove ${OTHER_TOKEN}`);
    plainGit(workspace.repo, "checkout", "-q", "-b", "side", "HEAD~2");
    commitInside(workspace.repo, { "side.txt": "side\n" });
    plainGit(workspace.repo, "merge", "-q", "--no-commit", "hive/job-1");
    commitInside(workspace.repo, { "merged.txt": `only here\n${OTHER_TOKEN}\n` }, "merge");
    const outcome = await publish(publishOptions(world, workspace));
    const message = outcome.end === "failed" ? outcome.error.message : "";
    expect(message).toContain("a secret of this job in a.txt, line 1");
    expect(message).toContain("a GitHub token in merged.txt, line 2");
    expect(message).toContain("a GitHub token in commit message");
  });

  it("lets pass what was there before, placeholders, and lines marked as harmless", async () => {
    const repo = await world.makeRepo("before.git", { "old.txt": `${OTHER_TOKEN}\nx\n` });
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, {
      "old.txt": `${OTHER_TOKEN}\ny\n`,
      "docs.md": `use ghp_${"x".repeat(36)} or AKIAIOSFODNN7EXAMPLE\n`,
      "fixture.txt": `${OTHER_TOKEN} # gitleaks:allow\n`,
    });
    expect(await publish(publishOptions(world, workspace))).toMatchObject({ end: "published" });
  });
});
