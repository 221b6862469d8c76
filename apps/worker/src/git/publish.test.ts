import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  commitInside,
  anyAddress,
  type GitWorld,
  openWorkspace,
  plainGit,
  publishOptions,
  startGitWorld,
  TOKEN,
  writeFiles,
} from "./git-fixture.ts";
import { bundleWork, prepareWork, publish, publishBundle, salvage } from "./publish.ts";

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

function served(repo: string): string {
  return join(world.folder, "served", repo);
}

function remoteHead(repo: string, branch: string): string | null {
  return plainGit(served(repo), "for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`) || null;
}

/** A bundle's later life needs a remote and a branch of its own. */
function bundleTarget(repo: string) {
  return {
    mirrors: world.mirrors,
    remote: { address: world.address(repo), credential: world.credential },
    branch: { name: "hive/job-1", ref: "refs/heads/hive/job-1" },
    folder: world.newFolder("publishing"),
  };
}

describe("publishing", () => {
  it("pushes the agent's commits and what it left uncommitted, as a stranger's clone can see", async () => {
    const repo = await world.makeRepo("usual.git", { "a.txt": "one\n", ".gitignore": "ignored\n" });
    const workspace = await openWorkspace(world, repo, { author: { name: "Ada", email: "ada@example.com" } });
    commitInside(workspace.repo, { "b.txt": "two\n" });
    writeFiles(workspace.repo, { "a.txt": "one and more\n", "deep/c.txt": "three\n", ignored: "not this\n" });
    const options = publishOptions(world, workspace);
    const outcome = await publish(options);
    if (outcome.end !== "published") throw new Error(JSON.stringify(outcome));
    expect(outcome.change).toMatchObject({
      noChanges: false,
      diffStat: { files: 3, insertions: 3, deletions: 1 },
      files: [
        { path: "a.txt", status: "modified", insertions: 1, deletions: 1 },
        { path: "b.txt", status: "added" },
        { path: "deep/c.txt", status: "added" },
      ],
    });
    expect(outcome.change.patch).toContain("+one and more\n");
    expect(outcome.change.patchId).toMatch(/^[0-9a-f]{40}$/);
    expect(options.announcements).toEqual([
      { ref: "refs/heads/hive/job-1", expectedOld: "0".repeat(40), commit: outcome.commit },
    ]);
    const clone = world.newFolder("clone");
    plainGit(clone, "clone", "-q", "--branch", "hive/job-1", served(repo), ".");
    expect(plainGit(clone, "rev-parse", "HEAD")).toBe(outcome.commit);
    expect(readFileSync(join(clone, "deep/c.txt"), "utf8")).toBe("three\n");
    expect(existsSync(join(clone, "ignored"))).toBe(false);
    expect(plainGit(clone, "log", "-1", "--format=%an <%ae> %s")).toBe("Ada <ada@example.com> Work of job-1");
  });

  it("announces before the remote has anything, and pushes nothing once the lease is over", async () => {
    const repo = await world.makeRepo("fenced.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    const seen: (string | null)[] = [];
    const outcome = await publish(
      publishOptions(world, workspace, {
        announce: () => {
          seen.push(remoteHead(repo, "hive/job-1"));
          return Promise.resolve(false);
        },
      }),
    );
    expect(outcome).toEqual({ end: "stopped" });
    expect(seen).toEqual([null]);
    expect(remoteHead(repo, "hive/job-1")).toBeNull();
  });

  it("is cut by its signal while it pushes", async () => {
    const repo = await world.makeRepo("cut.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    const fence = new AbortController();
    world.server.intercept = (request) => {
      if (request.method === "POST" && request.path.endsWith("git-receive-pack")) fence.abort();
      return null;
    };
    // A hook that never ends: the push hangs until it is cut.
    writeFileSync(join(served(repo), "hooks", "pre-receive"), "#!/bin/sh\nexec sleep 30\n", { mode: 0o755 });
    expect(await publish(publishOptions(world, workspace, { signal: fence.signal }))).toEqual({ end: "stopped" });
  });

  it.each(["bare", "with a working copy"])("works on a local folder, %s, without a login", async (kind) => {
    const repo = await world.makeRepo(`folder-${kind.length}.git`);
    let folder = served(repo);
    if (kind !== "bare") {
      folder = world.newFolder("local");
      plainGit(folder, "clone", "-q", served(repo), ".");
    }
    const address = anyAddress(`file://${folder}`);
    const workspace = await openWorkspace(world, repo, { remote: { address, credential: null } });
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    const outcome = await publish(publishOptions(world, workspace, { credential: null }));
    expect(outcome).toMatchObject({ end: "published", branch: "hive/job-1" });
    expect(plainGit(folder, "show", "hive/job-1:a.txt")).toBe("a");
  });

  it("calls an attempt without changes a success without a branch", async () => {
    const repo = await world.makeRepo("idle.git");
    const workspace = await openWorkspace(world, repo);
    plainGit(workspace.repo, "commit", "-q", "--allow-empty", "-m", "nothing");
    const options = publishOptions(world, workspace);
    expect(await publish(options)).toMatchObject({ end: "no_changes", change: { noChanges: true } });
    expect(options.announcements).toEqual([]);
    expect(remoteHead(repo, "hive/job-1")).toBeNull();
  });

  it("gives the same change the same patch id on another base", async () => {
    const repo = await world.makeRepo("patch.git");
    const ids: (string | null)[] = [];
    for (const base of ["main", "later"]) {
      if (base === "later") world.commitElsewhere(repo, "later", { "unrelated.txt": "x\n" });
      const workspace = await openWorkspace(world, repo, { base, branch: `work/${base}` });
      writeFiles(workspace.repo, { "same.txt": "same\n" });
      const outcome = await publish(publishOptions(world, workspace));
      ids.push(outcome.end === "published" ? outcome.change.patchId : null);
    }
    expect(ids[0]).toMatch(/^[0-9a-f]{40}$/);
    expect(ids[1]).toBe(ids[0]);
  });

  it("continues a branch, and may replace it when the agent rebased it", async () => {
    const repo = await world.makeRepo("again.git");
    const first = world.commitElsewhere(repo, "topic", { "a.txt": "a\n" });
    const workspace = await openWorkspace(world, repo, { branch: "topic" });
    plainGit(workspace.repo, "commit", "-q", "--amend", "-m", "rewritten");
    writeFiles(workspace.repo, { "b.txt": "b\n" });
    const options = publishOptions(world, workspace);
    const outcome = await publish(options);
    expect(outcome).toMatchObject({ end: "published", branch: "topic" });
    expect(options.announcements[0]?.expectedOld).toBe(first);
    expect(remoteHead(repo, "topic")).toBe(outcome.end === "published" ? outcome.commit : "");
  });

  it("cuts a long patch with a marker and still counts it whole", async () => {
    const repo = await world.makeRepo("long.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "long.txt": "a line of some length\n".repeat(5000) });
    const outcome = await publish(publishOptions(world, workspace, { limits: { patchBytes: 10_000 } }));
    if (outcome.end !== "published") throw new Error(outcome.end);
    expect(outcome.change.patchCut).toBe(true);
    expect(outcome.change.patch).toMatch(/\n\[hive\] patch cut: \d+ bytes in all, the first \d+ are shown\n$/);
    expect(outcome.change.diffStat.insertions).toBe(5000);
  });

  it("says when only a pointer to a repository inside was committed", async () => {
    const repo = await world.makeRepo("inner.git");
    const workspace = await openWorkspace(world, repo);
    plainGit(workspace.repo, "init", "-q", "vendor/inner");
    commitInside(join(workspace.repo, "vendor/inner"), { "x.txt": "x\n" });
    const outcome = await publish(publishOptions(world, workspace));
    expect(outcome.end === "published" ? outcome.change.warnings : []).toEqual([
      expect.stringContaining("vendor/inner is a git repository"),
    ]);
  });

  it("refuses a merge with unsolved conflicts, and takes it as salvage", async () => {
    const repo = await world.makeRepo("conflict.git", { "a.txt": "base\n" });
    const workspace = await openWorkspace(world, repo);
    commitInside(workspace.repo, { "a.txt": "ours\n" });
    plainGit(workspace.repo, "checkout", "-q", "-b", "other", "HEAD~1");
    commitInside(workspace.repo, { "a.txt": "theirs\n" });
    expect(() => plainGit(workspace.repo, "merge", "hive/job-1")).toThrow();
    const options = publishOptions(world, workspace);
    expect(await publish(options)).toMatchObject({ end: "failed", error: { code: "merge_unfinished", kind: "work" } });
    const kept = await salvage({ ...options, jobId: "job-1", fence: 7, file: join(workspace.folder, "kept") });
    expect(kept).toMatchObject({ end: "branch", branch: "hive/salvage/job-1/7" });
    expect(plainGit(served(repo), "show", "hive/salvage/job-1/7:a.txt")).toContain("<<<<<<<");
  });
});

describe("a push that fails", () => {
  it("names what the remote's own hook said", async () => {
    const repo = await world.makeRepo("hooked.git");
    const hook = join(served(repo), "hooks", "pre-receive");
    writeFileSync(hook, "#!/bin/sh\necho 'no tabs allowed here' >&2\nexit 1\n");
    chmodSync(hook, 0o755);
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "\t\n" });
    const outcome = await publish(publishOptions(world, workspace));
    expect(outcome).toMatchObject({ end: "failed", error: { code: "push_rejected", kind: "work" } });
    expect(outcome.end === "failed" ? outcome.error.message : "").toMatch(
      /pre-receive hook declined.*no tabs allowed here/,
    );
  });

  it("knows a branch that somebody else moved, before and during the push", async () => {
    const repo = await world.makeRepo("moved.git");
    for (const when of ["before", "during"]) {
      const workspace = await openWorkspace(world, repo, { branch: `topic-${when}` });
      writeFiles(workspace.repo, { "a.txt": "mine\n" });
      let theirs = "";
      const move = (): void => {
        theirs = world.commitElsewhere(repo, `topic-${when}`, { "b.txt": "theirs\n" });
      };
      if (when === "before") move();
      const outcome = await publish(
        publishOptions(world, workspace, {
          announce: () => {
            if (when === "during") move();
            return Promise.resolve(true);
          },
        }),
      );
      expect(outcome).toMatchObject({ end: "failed", error: { code: "branch_moved", kind: "work" } });
      expect(remoteHead(repo, `topic-${when}`)).toBe(theirs);
    }
  });

  it("knows a token that may read and not push", async () => {
    const repo = await world.makeRepo("readonly.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    const credential = { username: "reader", password: "reads-only" };
    expect(await publish(publishOptions(world, workspace, { credential }))).toMatchObject({
      end: "failed",
      error: { code: "token_refused", kind: "work" },
    });
  });

  it("recognises its own commit when the answer of the push was lost", async () => {
    const repo = await world.makeRepo("lost.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    let swallowed = 0;
    world.server.intercept = (request) => {
      // Git first sends an empty push of four bytes to see whether its login is taken.
      if (request.method !== "POST" || !request.path.endsWith("git-receive-pack") || request.length === 4) return null;
      swallowed += 1;
      return "swallow_answer";
    };
    const outcome = await publish(publishOptions(world, workspace));
    expect(outcome).toMatchObject({ end: "published" });
    // curl may try once more by itself; the remote then refuses, and the head is still recognised.
    expect(swallowed).toBeGreaterThan(0);
    expect(remoteHead(repo, "hive/job-1")).toBe(outcome.end === "published" ? outcome.commit : "");
  });

  it("lets a second attempt take over a head the first one announced, and no other", async () => {
    const repo = await world.makeRepo("second.git");
    const workspace = await openWorkspace(world, repo);
    // The first attempt's push lands only after the second attempt has cloned.
    const firsts = world.commitElsewhere(repo, "hive/job-1", { "first.txt": "first\n" });
    writeFiles(workspace.repo, { "second.txt": "second\n" });
    const strange = await publish(
      publishOptions(world, workspace, { announced: [{ ref: "refs/heads/else", commit: firsts }] }),
    );
    expect(strange).toMatchObject({ end: "failed", error: { code: "branch_moved" } });
    const own = publishOptions(world, workspace, { announced: [{ ref: "refs/heads/hive/job-1", commit: firsts }] });
    expect(await publish(own)).toMatchObject({ end: "published" });
    expect(own.announcements[0]?.expectedOld).toBe(firsts);
  });

  it("is made good by an attempt that finds its own work at the remote and adds nothing", async () => {
    const repo = await world.makeRepo("found.git");
    const first = await openWorkspace(world, repo);
    writeFiles(first.repo, { "a.txt": "a\n" });
    const lost = publishOptions(world, first);
    const pushed = await publish(lost);
    const again = await openWorkspace(world, repo);
    expect(await publish(publishOptions(world, again))).toMatchObject({ end: "no_changes" });
    const third = await openWorkspace(world, repo);
    expect(await publish(publishOptions(world, third, { announced: lost.announcements }))).toMatchObject({
      end: "published",
      commit: pushed.end === "published" ? pushed.commit : "",
      change: { diffStat: { files: 1, insertions: 1, deletions: 0 } },
    });
  });

  it("tries again when the network fails for a moment, and is a system failure when it stays away", async () => {
    const repo = await world.makeRepo("network.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    let failures = 1;
    world.server.intercept = (request) => {
      if (request.method !== "POST" || !request.path.endsWith("git-receive-pack") || failures === 0) return null;
      failures -= 1;
      return "drop";
    };
    expect(await publish(publishOptions(world, workspace))).toMatchObject({ end: "published" });
    const down = await openWorkspace(world, repo, { branch: "other" });
    writeFiles(down.repo, { "b.txt": "b\n" });
    world.server.intercept = () => ({ status: 502 });
    expect(await publish(publishOptions(world, down))).toMatchObject({
      end: "failed",
      error: { code: "network", kind: "system" },
    });
  });
});

describe("work that waits for approval", () => {
  it("is a file that can be published later, exactly as approved", async () => {
    const repo = await world.makeRepo("approved.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "approved\n" });
    const options = publishOptions(world, workspace);
    const ready = await prepareWork(options);
    if (ready.end !== "ready") throw new Error(ready.end);
    const file = join(workspace.folder, "work.bundle");
    const bundle = await bundleWork(options, ready, file);
    if (!bundle.ok) throw new Error(bundle.message);
    expect(remoteHead(repo, "hive/job-1")).toBeNull();
    const later = { ...options, ...bundleTarget(repo), bundle };
    const wrong = await publishBundle({ ...later, bundle: { file, sha256: "0".repeat(64) } });
    expect(wrong).toMatchObject({ end: "failed", error: { code: "objects_refused" } });
    expect(remoteHead(repo, "hive/job-1")).toBeNull();
    expect(await publishBundle({ ...later, folder: world.newFolder("publishing") })).toMatchObject({
      end: "published",
      commit: ready.work.commit,
      change: { patchId: ready.change.patchId },
    });
    expect(remoteHead(repo, "hive/job-1")).toBe(ready.work.commit);
  });

  it("is not pushed over a branch that moved since", async () => {
    const repo = await world.makeRepo("approved-late.git");
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "approved\n" });
    const options = publishOptions(world, workspace);
    const ready = await prepareWork(options);
    if (ready.end !== "ready") throw new Error(ready.end);
    const bundle = await bundleWork(options, ready, join(workspace.folder, "work.bundle"));
    if (!bundle.ok) throw new Error(bundle.message);
    world.commitElsewhere(repo, "hive/job-1", { "b.txt": "theirs\n" });
    expect(await publishBundle({ ...options, ...bundleTarget(repo), bundle })).toMatchObject({
      end: "failed",
      error: { code: "branch_moved" },
    });
  });
});
