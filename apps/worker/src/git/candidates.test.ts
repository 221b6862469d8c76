/** What candidates ask of git: one start for all, a commit that is there already on another branch, branches that go. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CheckoutOptions, type CandidatePlan, checkout, readBaseFile } from "./checkout.ts";
import { deleteBranches } from "./delete-branches.ts";
import {
  type GitWorld,
  openWorkspace,
  plainGit,
  publishOptions,
  startGitWorld,
  TOKEN,
  writeFiles,
} from "./git-fixture.ts";
import { publish, publishCommit } from "./publish.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld({
    "x-access-token": { password: TOKEN },
    reader: { password: "reads-only", mayPush: false },
  });
});
afterEach(() => {
  world.server.intercept = null;
});
afterAll(() => world.stop());

const served = (repo: string): string => join(world.folder, "served", repo);
const head = (repo: string, branch: string): string | null =>
  plainGit(served(repo), "for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`) || null;
const remote = (repo: string) => ({ address: world.address(repo), credential: world.credential });

/** The agreement as the dispatcher keeps it: the first word counts. */
function agreement(branch = "hive/job"): CandidatePlan {
  let said: { base: string; commit: string } | null = null;
  const others = new Set(["hive/job.1", "hive/job.3"]);
  return { branch, others, agree: (start) => Promise.resolve((said ??= start)) };
}

/** A candidate that changed something and pushed it; gives its commit. */
async function pushed(repo: string, jobId: string, files: Record<string, string>, plan = agreement()): Promise<string> {
  const workspace = await openWorkspace(world, repo, { jobId, candidate: plan });
  writeFiles(workspace.repo, files);
  const outcome = await publish(publishOptions(world, workspace));
  if (outcome.end !== "published") throw new Error(JSON.stringify(outcome));
  return outcome.commit;
}

describe("where candidates start", () => {
  it("all start where the first said, settings included, although the base moved", async () => {
    const repo = await world.makeRepo("start.git", { ".hive/config.yaml": "test: old\n" });
    const plan = agreement();
    const first = await openWorkspace(world, repo, { jobId: "job.1", candidate: plan });
    const moved = world.commitElsewhere(repo, "main", { ".hive/config.yaml": "test: new\n", "b.txt": "b\n" });
    const second = await openWorkspace(world, repo, { jobId: "job.2", candidate: plan });
    expect(second).toMatchObject({ branch: "hive/job.2", baseCommit: first.baseCommit, origin: first.baseCommit });
    expect(second.baseHead).not.toBe(moved);
    expect(await readBaseFile(world.git, second, ".hive/config.yaml", 1000)).toBe("test: old\n");
    expect(plainGit(second.repo, "ls-files")).toBe(".hive/config.yaml");
  });

  it("go on from the branch the chosen one will be published to, where that exists", async () => {
    const repo = await world.makeRepo("feature.git");
    const theirs = world.commitElsewhere(repo, "feature", { "theirs.txt": "theirs\n" });
    const workspace = await openWorkspace(world, repo, { jobId: "job.1", candidate: agreement("feature") });
    expect(workspace).toMatchObject({ baseCommit: theirs, origin: theirs, base: "main" });
    expect(workspace.baseHead).toBe(head(repo, "main"));
  });

  it("see the repository's branches without those of the others", async () => {
    const repo = await world.makeRepo("blind.git");
    for (const branch of ["feature", "hive/job.1"]) world.commitElsewhere(repo, branch, { "x.txt": `${branch}\n` });
    const { repo: copy } = await openWorkspace(world, repo, { jobId: "job.2", candidate: agreement() });
    const seen = plainGit(copy, "for-each-ref", "--format=%(refname:short)", "refs/remotes/origin").split("\n");
    expect(seen.filter((name) => name !== "origin" && name !== "origin/HEAD")).toEqual([
      "origin/feature",
      "origin/main",
    ]);
  });

  it("is told as gone where the agreed commit is no longer in the repository", async () => {
    const repo = await world.makeRepo("gone.git");
    const gone = "1234567890".repeat(4);
    const options: CheckoutOptions = {
      git: world.git,
      mirrors: world.mirrors,
      remote: remote(repo),
      jobId: "job.1",
      branch: null,
      base: null,
      folder: world.newFolder("attempt"),
      candidate: { branch: "hive/job", others: new Set(), agree: () => Promise.resolve({ base: gone, commit: gone }) },
    };
    expect(await checkout(options)).toMatchObject({ ok: false, code: "base_not_found" });
  });

  it("is what the diff is told against, also where an earlier attempt pushed a part of the work", async () => {
    const repo = await world.makeRepo("parts.git");
    const plan = agreement();
    const part = await pushed(repo, "job.1", { "a.txt": "1\n2\n3\n" }, plan);
    const again = await openWorkspace(world, repo, { jobId: "job.1", candidate: plan });
    expect(again).toMatchObject({ baseCommit: part, continued: true });
    writeFiles(again.repo, { "b.txt": "4\n" });
    const announced = [{ ref: again.ref, commit: part }];
    const outcome = await publish(publishOptions(world, again, { announced }));
    expect(outcome).toMatchObject({ end: "published", change: { diffStat: { files: 2, insertions: 4 } } });
    // One that has nothing to add is as large as what is there.
    const last = await openWorkspace(world, repo, { jobId: "job.1", candidate: plan });
    const own = [{ ref: last.ref, commit: last.expectedOld }];
    expect(await publish(publishOptions(world, last, { announced: own }))).toMatchObject({
      end: "published",
      change: { diffStat: { files: 2, insertions: 4 } },
    });
  });
});

describe("publishing a candidate's commit", () => {
  async function publishTo(
    repo: string,
    branch: string,
    commit: string,
    announced: { ref: string; commit: string }[] = [],
  ) {
    const mirror = await world.mirrors.prepare(remote(repo));
    if (!mirror.ok) throw new Error(mirror.message);
    return publishCommit({
      git: world.git,
      mirror,
      remote: remote(repo),
      credential: world.credential,
      secrets: [TOKEN],
      announced,
      announce: () => Promise.resolve(true),
      retryAfterMs: [],
      branch: { name: branch, ref: `refs/heads/${branch}` },
      commit,
      from: head(repo, "main") ?? "",
      folder: world.newFolder("publishing"),
    });
  }

  it("puts it on the job's branch as it is, tells its diff, and may be done again", async () => {
    const repo = await world.makeRepo("publish.git");
    const commit = await pushed(repo, "job.1", { "a.txt": "a\n" });
    const first = await publishTo(repo, "hive/job", commit);
    expect(first).toMatchObject({ end: "published", branch: "hive/job", commit, change: { diffStat: { files: 1 } } });
    expect(head(repo, "hive/job")).toBe(commit);
    expect(await publishTo(repo, "hive/job", commit)).toMatchObject({ end: "published", commit });
  });

  it("goes on from a branch that is behind it, and never takes the place of anybody's commit", async () => {
    const repo = await world.makeRepo("theirs.git");
    world.commitElsewhere(repo, "feature", { "theirs.txt": "theirs\n" });
    const commit = await pushed(repo, "job.1", { "a.txt": "a\n" }, agreement("feature"));
    const mine = world.commitElsewhere(repo, "hive/job", { "mine.txt": "mine\n" });
    expect(await publishTo(repo, "feature", commit)).toMatchObject({ end: "published" });
    expect(head(repo, "feature")).toBe(commit);
    expect(await publishTo(repo, "hive/job", commit)).toMatchObject({ end: "failed", error: { code: "branch_moved" } });
    expect(head(repo, "hive/job")).toBe(mine);
  });

  it("says that the commit is gone where nobody has it any more", async () => {
    const repo = await world.makeRepo("removed.git");
    expect(await publishTo(repo, "hive/job", "1234567890".repeat(4))).toMatchObject({
      end: "failed",
      error: { code: "branch_moved", kind: "work" },
    });
  });
});

describe("removing candidates' branches", () => {
  it("removes those that are where they were pushed, leaves others, and may be done again", async () => {
    const repo = await world.makeRepo("remove.git");
    const plan = agreement();
    const own = await pushed(repo, "job.1", { "a.txt": "a\n" }, plan);
    const old = await pushed(repo, "job.2", { "b.txt": "b\n" }, plan);
    const theirs = world.commitElsewhere(repo, "hive/job.2", { "c.txt": "c\n" });
    const branches = [
      { ref: "refs/heads/hive/job.1", commits: ["0".repeat(40), own] },
      { ref: "refs/heads/hive/job.2", commits: [old] },
      { ref: "refs/heads/hive/job.3", commits: [own] },
      { ref: "refs/tags/v1", commits: [own] },
    ];
    const options = { git: world.git, remote: remote(repo), branches };
    const kept = { end: "kept", ref: "refs/heads/hive/job.2", commit: theirs };
    expect(await deleteBranches(options)).toEqual([{ end: "deleted", ref: "refs/heads/hive/job.1" }, kept]);
    expect([head(repo, "hive/job.1"), head(repo, "hive/job.2")]).toEqual([null, theirs]);
    expect(await deleteBranches(options)).toEqual([kept]);
  });

  it("leaves a branch that somebody pushed to between the look and the removal", async () => {
    const repo = await world.makeRepo("race.git");
    const own = await pushed(repo, "job.1", { "a.txt": "a\n" });
    let theirs = "";
    world.server.intercept = ({ method, path }) => {
      if (method === "GET" && path.endsWith("service=git-receive-pack") && theirs === "")
        theirs = world.commitElsewhere(repo, "hive/job.1", { "c.txt": "c\n" });
      return null;
    };
    const branches = [{ ref: "refs/heads/hive/job.1", commits: [own] }];
    const ends = await deleteBranches({ git: world.git, remote: remote(repo), branches });
    expect(ends).toMatchObject([{ end: "failed", ref: "refs/heads/hive/job.1" }]);
    expect(head(repo, "hive/job.1")).toBe(theirs);
  });

  it("tells what the remote refuses, and a remote that cannot be asked", async () => {
    const repo = await world.makeRepo("refused.git");
    const own = await pushed(repo, "job.1", { "a.txt": "a\n" });
    const branches = [{ ref: "refs/heads/hive/job.1", commits: [own] }];
    writeFileSync(join(served(repo), "hooks", "pre-receive"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    expect(await deleteBranches({ git: world.git, remote: remote(repo), branches })).toMatchObject([{ end: "failed" }]);
    expect(head(repo, "hive/job.1")).toBe(own);
    rmSync(served(repo), { recursive: true });
    const asked = await deleteBranches({ git: world.git, remote: remote(repo), branches });
    expect(asked).toMatchObject({ ok: false, code: "repo_not_found" });
  });
});
