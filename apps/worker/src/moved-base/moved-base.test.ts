import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commitInside, type GitWorld, plainGit, startGitWorld, writeFiles } from "../git/git-fixture.ts";
import { createHandedOutMirrors } from "../git/handed-out-mirrors.ts";
import { bundleWork, prepareWork, publishBundle } from "../git/publish.ts";
import { startKeeper } from "../mirror-keeper/keeper-fixture.ts";
import { START, startAttempt } from "./moved-base.fixture.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

let repos = 0;
// For what happens before the attempt begins.
const newRepo = (): Promise<string> => world.makeRepo(`own-${(repos += 1)}.git`, START);
const attempt = (given?: Parameters<typeof startAttempt>[1]) => startAttempt(world, given);
const served = (repo: string, ...args: string[]): string => plainGit(join(world.folder, "served", repo), ...args);
const isPart = (repo: string, earlier: string, later: string): boolean => {
  try {
    served(repo, "merge-base", "--is-ancestor", earlier, later);
    return true;
  } catch {
    return false;
  }
};

describe("a base branch that moved", () => {
  it("is nobody's business while the work still merges into it", async () => {
    const { repo, workspace, moved, end } = await attempt();
    commitInside(workspace.repo, { "a.txt": "ONE\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "b.txt": "B\n" });
    expect(await moved.meet()).toEqual({ end: "fits" });
    expect(moved.conflict()).toBeNull();
    expect(isPart(repo, main, await end())).toBe(false);
  });

  it("takes work that no longer merges by rebasing it, where that is enough", async () => {
    const { repo, workspace, moved, end, show } = await attempt();
    // The same change came in by another way and was developed further there: git leaves it out of the rebased work.
    commitInside(workspace.repo, { "a.txt": "ONE\ntwo\nthree\n" });
    commitInside(workspace.repo, { "b.txt": "the job's\n" });
    writeFiles(workspace.repo, { "new.txt": "not committed\n" });
    world.commitElsewhere(repo, "main", { "a.txt": "ONE\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "One again\ntwo\nthree\n" });
    expect(await moved.meet()).toEqual({ end: "rebased" });
    expect(moved.conflict()).toBeNull();
    expect(moved.workspace()).toMatchObject({ baseHead: main, baseCommit: main });
    const commit = await end();
    expect(isPart(repo, main, commit)).toBe(true);
    expect(served(repo, "log", "--merges", "--format=%h", commit)).toBe("");
    expect(show(`${commit}:a.txt`)).toBe("One again\ntwo\nthree");
    expect(show(`${commit}:b.txt`)).toBe("the job's");
    expect(show(`${commit}:new.txt`)).toBe("not committed");
    expect(await moved.meet()).toEqual({ end: "fits" });
  });

  it("gives a conflict to the agent, and publishes the merge it makes", async () => {
    const { repo, workspace, moved, end, show } = await attempt();
    const mine = commitInside(workspace.repo, { "a.txt": "mine\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "theirs\ntwo\nthree\n" });
    const meeting = await moved.meet();
    expect(meeting).toMatchObject({ end: "conflict", files: ["a.txt"] });
    expect(meeting.end === "conflict" && meeting.prompt).toContain("- a.txt");
    expect(plainGit(workspace.repo, "diff", "--name-only", "--diff-filter=U")).toBe("a.txt");
    // Files alone are enough: nothing has to be staged or committed.
    writeFiles(workspace.repo, { "a.txt": "mine and theirs\ntwo\nthree\n" });
    expect(await moved.settle()).toBe("merged");
    const commit = await end();
    expect(show(`${commit}:a.txt`)).toBe("mine and theirs\ntwo\nthree");
    expect([isPart(repo, main, commit), isPart(repo, mine, commit)]).toEqual([true, true]);
  });

  const GIVING_UP: readonly (readonly [way: string, act: (repo: string) => void])[] = [
    ["nothing", () => {}],
    ["something else", (repo) => writeFiles(repo, { "b.txt": "more\n" })],
    ["an end of the merge", (repo) => void plainGit(repo, "merge", "--abort")],
    ["away with theirs", (repo) => void plainGit(repo, "reset", "-q", "--hard", "HEAD")],
    ["harm to git's folder", (repo) => rmSync(join(repo, ".git", "HEAD"))],
  ];
  it.each(GIVING_UP)("gets the work as it was when the conflict stays: the agent did %s", async (way, act) => {
    const { repo, workspace, moved, end, said } = await attempt();
    const mine = commitInside(workspace.repo, { "a.txt": "mine\ntwo\nthree\n" });
    world.commitElsewhere(repo, "main", { "a.txt": "theirs\ntwo\nthree\n" });
    expect((await moved.meet()).end).toBe("conflict");
    act(workspace.repo);
    expect(await moved.settle()).toBe("conflict");
    expect(moved.conflict()).toEqual({ base: "main", files: ["a.txt"] });
    // What is judged by the tests again is what is published.
    if (!way.includes("harm")) expect(readFileSync(join(workspace.repo, "b.txt"), "utf8")).toBe("b\n");
    expect(await end()).toBe(mine);
    expect(said.at(-1)).toContain("is not solved");
  });

  it("wants a file that one side deleted staged: no marker can tell that it was looked at", async () => {
    const { repo, workspace, moved, show, end } = await attempt();
    plainGit(workspace.repo, "rm", "-q", "b.txt");
    commitInside(workspace.repo, { "c.txt": "mine\n" });
    world.commitElsewhere(repo, "main", { "b.txt": "still needed\n" });
    expect(await moved.meet()).toMatchObject({ end: "conflict", files: ["b.txt"] });
    plainGit(workspace.repo, "add", "b.txt");
    expect(await moved.settle()).toBe("merged");
    expect(() => show("hive/job-1:b.txt")).toThrow();
    expect(show(`${await end()}:b.txt`)).toBe("still needed");
  });

  it("does not take such a file for solved because nothing marks it", async () => {
    const { repo, workspace, moved } = await attempt();
    plainGit(workspace.repo, "rm", "-q", "b.txt");
    commitInside(workspace.repo, { "c.txt": "mine\n" });
    world.commitElsewhere(repo, "main", { "b.txt": "still needed\n" });
    expect((await moved.meet()).end).toBe("conflict");
    expect(await moved.settle()).toBe("conflict");
  });

  it("rewrites a branch only where every commit on it is the job's own", async () => {
    const first = await attempt({ branch: "hive/own" });
    const { repo } = first;
    // By another committer: somebody's commit that came onto the branch before the job's.
    commitInside(first.workspace.repo, { "a.txt": "ONE\ntwo\nthree\n" });
    const pushed = await first.end();
    world.commitElsewhere(repo, "main", { "a.txt": "ONE\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "further\ntwo\nthree\n" });

    const second = await attempt({ repo, branch: "hive/own", announced: [pushed] });
    writeFiles(second.workspace.repo, { "c.txt": "the second round\n" });
    // A rebase would do, and would give somebody's commit another id: so base is merged.
    expect((await second.moved.meet()).end).toBe("conflict");
    writeFiles(second.workspace.repo, { "a.txt": "both\ntwo\nthree\n" });
    expect(await second.moved.settle()).toBe("merged");
    const commit = await second.end();
    expect([isPart(repo, pushed, commit), isPart(repo, main, commit)]).toEqual([true, true]);
  });

  it("touches nothing of a branch to which the job added nothing", async () => {
    const repo = await newRepo();
    world.commitElsewhere(repo, "feature", { "a.txt": "theirs\ntwo\nthree\n" });
    world.commitElsewhere(repo, "main", { "a.txt": "also theirs\ntwo\nthree\n" });
    const { moved } = await attempt({ repo, branch: "feature" });
    expect(await moved.meet()).toEqual({ end: "fits" });
    expect(moved.conflict()).toBeNull();
  });

  it("rebases a branch of the job's own, and the push replaces exactly the head it knew", async () => {
    const first = await attempt({ branch: "hive/own" });
    const { repo } = first;
    writeFiles(first.workspace.repo, { "a.txt": "ONE\ntwo\nthree\n" });
    const pushed = await first.end();
    world.commitElsewhere(repo, "main", { "a.txt": "ONE\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "further\ntwo\nthree\n" });
    const second = await attempt({ repo, branch: "hive/own", announced: [pushed] });
    writeFiles(second.workspace.repo, { "c.txt": "the second round\n" });
    expect(await second.moved.meet()).toEqual({ end: "rebased" });
    const commit = await second.end();
    expect([isPart(repo, main, commit), isPart(repo, pushed, commit)]).toEqual([true, false]);
    expect(served(repo, "rev-parse", "hive/own")).toBe(commit);
  });

  it("is no reason to push over somebody who was faster on the job's branch", async () => {
    const first = await attempt({ branch: "hive/own" });
    const { repo } = first;
    writeFiles(first.workspace.repo, { "c.txt": "the first round\n" });
    const pushed = await first.end();
    const second = await attempt({ repo, branch: "hive/own", announced: [pushed] });
    writeFiles(second.workspace.repo, { "d.txt": "the second round\n" });
    world.commitElsewhere(repo, "main", { "c.txt": "the first round\n" });
    world.commitElsewhere(repo, "main", { "c.txt": "and more\n" });
    expect((await second.moved.meet()).end).toBe("rebased");
    const theirs = world.commitElsewhere(repo, "hive/own", { "theirs.txt": "theirs\n" });
    await expect(second.end()).rejects.toThrow("branch_moved");
    expect(served(repo, "rev-parse", "hive/own")).toBe(theirs);
  });

  it("is met where mirrors are handed out and a job sees only its own", async () => {
    const repo = await newRepo();
    const { ask, folder } = await startKeeper(world);
    let given: Promise<MirrorReply> | null = null;
    // As the server does it: the same hand-out again, unless another one is asked for.
    const mirrors = createHandedOutMirrors({
      own: () => Promise.reject(new Error("a hand-out was there")),
      warn: () => undefined,
      folder,
      ask: ({ outdated }) => (given = given === null || outdated !== null ? ask(repo, "job-1:1") : given),
    });
    const { workspace, moved, end, show } = await attempt({ repo, mirrors });
    commitInside(workspace.repo, { "a.txt": "mine\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "theirs\ntwo\nthree\n" });
    expect((await moved.meet()).end).toBe("conflict");
    writeFiles(workspace.repo, { "a.txt": "both\n" });
    expect(await moved.settle()).toBe("merged");
    const commit = await end();
    expect([show(`${commit}:a.txt`), isPart(repo, main, commit)]).toEqual(["both", true]);
  });

  it("is part of what a person approves, with the merge the agent made", async () => {
    const { repo, workspace, moved, left, show } = await attempt();
    commitInside(workspace.repo, { "a.txt": "mine\ntwo\nthree\n" });
    const main = world.commitElsewhere(repo, "main", { "a.txt": "theirs\ntwo\nthree\n" });
    expect((await moved.meet()).end).toBe("conflict");
    writeFiles(workspace.repo, { "a.txt": "both\n" });
    expect(await moved.settle()).toBe("merged");
    const options = left();
    const ready = await prepareWork(options);
    if (ready.end !== "ready") throw new Error(ready.end);
    // The person sees what the job does to main as it is now, and nothing of what others did.
    expect(ready.change).toMatchObject({ from: main, diffStat: { files: 1 } });
    const bundle = await bundleWork(options, ready, join(workspace.folder, "work.bundle"));
    if (!bundle.ok) throw new Error(bundle.message);
    const published = await publishBundle({
      ...options,
      mirrors: world.mirrors,
      remote: { address: world.address(repo), credential: world.credential },
      branch: { name: workspace.branch, ref: workspace.ref },
      bundle,
      folder: world.newFolder("publishing"),
    });
    expect(published).toMatchObject({ end: "published", commit: ready.work.commit });
    expect(show("hive/job-1:a.txt")).toBe("both");
  });

  it("runs none of the repository's hooks", async () => {
    const { repo, workspace, moved, end } = await attempt();
    const witness = join(world.newFolder("witness"), "ran");
    for (const hook of [
      "pre-rebase",
      "post-checkout",
      "pre-merge-commit",
      "post-merge",
      "pre-commit",
      "post-rewrite",
    ]) {
      writeFiles(join(workspace.repo, ".git", "hooks"), { [hook]: `#!/bin/sh\ntouch ${witness}\n` });
      plainGit(workspace.repo, "config", "core.hooksPath", ".git/hooks");
    }
    commitInside(workspace.repo, { "a.txt": "mine\ntwo\nthree\n" });
    world.commitElsewhere(repo, "main", { "a.txt": "theirs\ntwo\nthree\n" });
    expect((await moved.meet()).end).toBe("conflict");
    writeFiles(workspace.repo, { "a.txt": "both\n" });
    expect(await moved.settle()).toBe("merged");
    await end();
    expect(() => plainGit(world.folder, "hash-object", witness)).toThrow();
  });

  it("that cannot be looked at costs nobody their work", async () => {
    const { repo, workspace, moved, end, said } = await attempt();
    const mine = commitInside(workspace.repo, { "a.txt": "mine\n" });
    served(repo, "branch", "-m", "main", "trunk");
    expect(await moved.meet()).toEqual({ end: "fits" });
    served(repo, "branch", "-m", "trunk", "main");
    expect(await end()).toBe(mine);
    expect(said).toEqual([]);
  });

  it("is not met by a job that works on it", async () => {
    const { repo, workspace, moved } = await attempt({ branch: "main" });
    commitInside(workspace.repo, { "a.txt": "mine\n" });
    world.commitElsewhere(repo, "main", { "a.txt": "theirs\n" });
    expect(await moved.meet()).toEqual({ end: "fits" });
  });
});
