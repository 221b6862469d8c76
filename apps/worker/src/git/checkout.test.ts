import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CheckoutOptions, checkout, NO_COMMIT, readBaseFile, type Workspace } from "./checkout.ts";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "./git-fixture.ts";
import { withFileLock } from "./file-lock.ts";
import { createMirrors } from "./mirror.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld({
    "x-access-token": { password: TOKEN },
    stranger: { password: "stranger-token", sees: [] },
  });
});
afterAll(() => world.stop());

function wanted(repo: string, extra: Partial<CheckoutOptions> = {}): CheckoutOptions {
  return {
    git: world.git,
    mirrors: world.mirrors,
    remote: { address: world.address(repo), credential: world.credential },
    jobId: "job-1",
    branch: null,
    base: null,
    folder: world.newFolder("attempt"),
    ...extra,
  };
}

async function open(options: CheckoutOptions): Promise<Workspace> {
  const made = await checkout(options);
  if (!made.ok) throw new Error(`${made.code}: ${made.message} ${made.stderr}`);
  return made;
}

describe("a checkout", () => {
  it("starts at the default branch, on a branch named after the job", async () => {
    const repo = await world.makeRepo("plain.git", { "README.md": "hello\n", ".hive/config.yaml": "test: make\n" });
    const made = await open(wanted(repo));
    const head = plainGit(join(world.folder, "served", repo), "rev-parse", "main");
    expect(made).toMatchObject({
      branch: "hive/job-1",
      base: "main",
      baseCommit: head,
      expectedOld: NO_COMMIT,
      continued: false,
    });
    expect(readFileSync(join(made.repo, "README.md"), "utf8")).toBe("hello\n");
    expect(plainGit(made.repo, "status", "--porcelain", "--branch")).toBe("## hive/job-1");
    expect(await readBaseFile(world.git, made, ".hive/config.yaml", 1000)).toBe("test: make\n");
    expect(await readBaseFile(world.git, made, "missing", 1000)).toBeNull();
  });

  it("continues the job's branch where it is already at the remote, and still knows its base", async () => {
    const repo = await world.makeRepo("continued.git");
    const theirs = world.commitElsewhere(repo, "ci/demo", { "more.txt": "from round one\n" });
    const made = await open(wanted(repo, { branch: "ci/demo", base: "main" }));
    expect(made).toMatchObject({ base: "main", baseCommit: theirs, expectedOld: theirs, continued: true });
    expect(made.baseHead).not.toBe(theirs);
    expect(existsSync(join(made.repo, "more.txt"))).toBe(true);
  });

  it("starts at the base that was asked for, and names what there is when it is missing", async () => {
    const repo = await world.makeRepo("bases.git");
    const dev = world.commitElsewhere(repo, "dev", { "dev.txt": "dev\n" });
    expect(await open(wanted(repo, { base: "dev" }))).toMatchObject({ base: "dev", baseCommit: dev });
    const missing = await checkout(wanted(repo, { base: "nope" }));
    expect(missing).toMatchObject({ ok: false, code: "base_not_found" });
    expect(missing.ok ? "" : missing.message).toContain("it has dev, main");
  });

  it("says that an empty repository needs a first commit", async () => {
    plainGit(join(world.folder, "served"), "init", "-q", "--bare", "empty.git");
    expect(await checkout(wanted("empty.git"))).toMatchObject({
      code: "base_not_found",
      message: expect.stringContaining("first commit"),
    });
  });

  it("knows a missing repository, a missing token, a wrong one and one that may not see it", async () => {
    const repo = await world.makeRepo("closed.git");
    const as = (name: string, credential: { username: string; password: string } | null) =>
      checkout(wanted(repo, { remote: { address: world.address(name), credential } }));
    expect(await as("none.git", world.credential)).toMatchObject({ code: "repo_not_found" });
    expect(await as(repo, null)).toMatchObject({ code: "token_needed" });
    expect(await as(repo, { username: "x-access-token", password: "wrong-canary" })).toMatchObject({
      code: "token_refused",
    });
    expect(await as(repo, { username: "stranger", password: "stranger-token" })).toMatchObject({
      code: "repo_not_found",
    });
  });

  it("tries again when the server cannot be reached or answers 500", async () => {
    const repo = await world.makeRepo("flaky.git");
    world.server.intercept = () => ({ status: 503 });
    expect(await checkout(wanted(repo))).toMatchObject({ code: "network" });
    world.server.intercept = () => "drop";
    expect(await checkout(wanted(repo))).toMatchObject({ code: "network" });
    world.server.intercept = null;
  });

  it("leaves no credential in the copy, the mirror or the folder of loans", async () => {
    const repo = await world.makeRepo("canary.git");
    const made = await open(wanted(repo));
    const grep = (folder: string): string[] =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(TOKEN))
        .map((entry) => entry.name);
    expect(grep(made.folder)).toEqual([]);
    expect(grep(join(world.folder, "mirrors"))).toEqual([]);
    expect(readdirSync(join(world.folder, "private"))).toEqual([]);
  });

  it("has what an agent expects of a clone: the other branches, tags, an author", async () => {
    const repo = await world.makeRepo("complete.git");
    world.commitElsewhere(repo, "topic/one", { "x.txt": "x\n" });
    plainGit(join(world.folder, "served", repo), "tag", "v1.0", "main");
    const made = await open(wanted(repo, { author: { name: "Ada", email: "ada@example.com" } }));
    expect(plainGit(made.repo, "for-each-ref", "--format=%(refname)").split("\n")).toEqual([
      "refs/heads/hive/job-1",
      "refs/remotes/origin/HEAD",
      "refs/remotes/origin/main",
      "refs/remotes/origin/topic/one",
      "refs/tags/v1.0",
    ]);
    expect(plainGit(made.repo, "describe", "--tags")).toBe("v1.0");
    expect(plainGit(made.repo, "log", "--format=%s", "origin/topic/one")).toBe("by somebody else\nfirst");
    expect(plainGit(made.repo, "config", "user.email")).toBe("ada@example.com");
  });

  it("takes a local folder as a repository", async () => {
    const repo = await world.makeRepo("local.git");
    const address = {
      ...world.address(repo),
      ok: true,
      kind: "file",
      host: "",
      url: `file://${join(world.folder, "served", repo)}`,
    } as const;
    const made = await open(wanted(repo, { remote: { address, credential: null } }));
    expect(readFileSync(join(made.repo, "README.md"), "utf8")).toContain("repository");
  });

  it("does not run what the repository asks git to run", async () => {
    const repo = await world.makeRepo("asks.git", {
      ".gitattributes": "*.txt filter=evil diff=evil\n* text=auto\n",
      "a.txt": "text\n",
      ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch pwned"\n',
      ".githooks/post-checkout": "#!/bin/sh\ntouch pwned\n",
    });
    const made = await open(wanted(repo));
    expect(readdirSync(made.repo).sort()).toEqual([".git", ".gitattributes", ".githooks", ".gitmodules", "a.txt"]);
  });
});

describe("mirrors", () => {
  it("fetch once for many who wait, and not at all when there is nothing new", async () => {
    const repo = await world.makeRepo("shared.git");
    const before = world.server.requests.length;
    const others = await createMirrors(world.git, join(world.folder, "mirrors"));
    await Promise.all(
      [world.mirrors, others, world.mirrors, others].map((mirrors, index) =>
        open(wanted(repo, { mirrors, jobId: `job-${index}` })),
      ),
    );
    const packs = () => world.server.requests.slice(before).filter((request) => request.method === "POST");
    // Each lists the branches for itself (one POST each); only one asks for objects (a listing and a fetch).
    expect(packs().length).toBe(4 + 2);
    await open(wanted(repo));
    expect(packs().length).toBe(4 + 2 + 1);
  });

  it("let a job be stopped that waits for somebody else's fetch", async () => {
    const repo = await world.makeRepo("waiting.git");
    const patient = new AbortController();
    const fetching = new Promise<void>((resolve) => {
      world.server.intercept = (request) => {
        if (request.method === "POST") resolve();
        return null;
      };
    });
    // The first one's fetch hangs for as long as we hold the lock it needs.
    const { mirrors } = world;
    const lock = `${mirrors.folderOf(world.address(repo))}.lock`;
    let release = (): void => {};
    const held = withFileLock(lock, () => new Promise<void>((resolve) => (release = resolve)));
    const first = checkout(wanted(repo));
    await fetching;
    const second = checkout(wanted(repo, { signal: patient.signal }));
    patient.abort();
    expect(await second).toMatchObject({ ok: false, code: "aborted" });
    release();
    await held;
    expect(await first).toMatchObject({ ok: true });
    world.server.intercept = null;
  });

  it("show a private repository to nobody whose own token does not open it", async () => {
    const repo = await world.makeRepo("secret.git", { "secret.txt": "only for members\n" });
    await open(wanted(repo));
    const stranger = await checkout(
      wanted(repo, {
        remote: { address: world.address(repo), credential: { username: "stranger", password: "stranger-token" } },
      }),
    );
    expect(stranger).toMatchObject({ ok: false, code: "repo_not_found" });
  });

  it("are fetched anew when their files are damaged", async () => {
    const repo = await world.makeRepo("damaged.git", { "a.txt": "a\n".repeat(1000) });
    const first = await open(wanted(repo));
    rmSync(first.folder, { recursive: true });
    const packs = join(first.mirror.folder, "objects", "pack");
    for (const name of readdirSync(packs).filter((file) => file.endsWith(".pack"))) {
      chmodSync(join(packs, name), 0o600);
      truncateSync(join(packs, name), 40);
    }
    const again = await open(wanted(repo));
    expect(readFileSync(join(again.repo, "a.txt"), "utf8")).toHaveLength(2000);
  });

  it("are fetched anew when only a file's content is damaged, which shows first in the checkout", async () => {
    const repo = await world.makeRepo("rotten.git", { "noise.txt": randomBytes(60_000).toString("base64") });
    const first = await open(wanted(repo));
    rmSync(first.folder, { recursive: true });
    const packs = join(first.mirror.folder, "objects", "pack");
    for (const name of readdirSync(packs).filter((file) => file.endsWith(".pack"))) {
      const path = join(packs, name);
      const bytes = readFileSync(path);
      // Git packs commits first and files last.
      bytes.fill(0, Math.floor(bytes.length * 0.6), Math.floor(bytes.length * 0.9));
      chmodSync(path, 0o600);
      writeFileSync(path, bytes);
    }
    const again = await open(wanted(repo));
    expect(readFileSync(join(again.repo, "noise.txt"), "utf8")).toHaveLength(80_000);
  });

  it("go on after a fetch that was killed and left its locks behind", async () => {
    const repo = await world.makeRepo("locked.git");
    const { mirror } = await open(wanted(repo));
    const packed = join(mirror.folder, "packed-refs.lock");
    writeFileSync(packed, "");
    writeFileSync(join(mirror.folder, "refs", "heads", "main.lock"), "");
    const before = statSync(mirror.folder).ino;
    const newer = world.commitElsewhere(repo, "main", { "b.txt": "b\n" });
    expect(await open(wanted(repo))).toMatchObject({ baseCommit: newer });
    expect(existsSync(packed)).toBe(false);
    // Not thrown away and cloned again: that may take an hour for a large repository.
    expect(statSync(mirror.folder).ino).toBe(before);
  });

  it("follow a branch that was thrown back, and a branch that became a folder of branches", async () => {
    const repo = await world.makeRepo("moved.git");
    const served = join(world.folder, "served", repo);
    const first = plainGit(served, "rev-parse", "main");
    world.commitElsewhere(repo, "topic", { "x.txt": "x\n" });
    await open(wanted(repo));
    plainGit(served, "branch", "-D", "topic");
    plainGit(served, "branch", "topic/inner", first);
    expect(await open(wanted(repo, { base: "topic/inner" }))).toMatchObject({ baseCommit: first });
  });

  it("are closed to other users", () => {
    expect(statSync(join(world.folder, "mirrors")).mode & 0o077).toBe(0);
  });
});
