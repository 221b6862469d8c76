import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { withFileLock } from "../git/file-lock.ts";
import { type GitWorld, plainGit, startGitWorld, TOKEN } from "../git/git-fixture.ts";
import type { Git } from "../git/git.ts";
import { createMirrors } from "../git/mirror.ts";
import { run } from "../process/run.ts";
import { DAY_MS, startKeeper } from "./keeper-fixture.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld({
    "x-access-token": { password: TOKEN },
    other: { password: "other-token" },
    stranger: { password: "stranger-token", sees: [] },
  });
});
afterEach(() => {
  world.server.intercept = null;
});
afterAll(() => world.stop());

const other = { username: "other", password: "other-token" };

/** Counts what is asked of the host by POST: a listing is one, a fetch two (a listing of its own, and the objects). */
function countPosts(): () => number {
  const before = world.server.requests.length;
  const isPost = ({ method, user }: { method: string; user: string | null }) => method === "POST" && user !== null;
  return () => world.server.requests.slice(before).filter(isPost).length;
}

/** Resolves when a fetch has begun to ask. */
function fetchBegins(): Promise<void> {
  return new Promise((resolve) => {
    world.server.intercept = ({ method }) => {
      if (method === "POST") resolve();
      return null;
    };
  });
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("a hand-out", () => {
  it("is a whole bare repository in the worker's folder, with the branches the credential saw", async () => {
    const repo = await world.makeRepo("whole.git");
    const dev = world.commitElsewhere(repo, "dev", { "a.txt": "a\n" });
    const { ask, folder } = await startKeeper(world);
    const reply = await ask(repo, "job-1:1");
    expect(reply).toMatchObject({
      ok: true,
      defaultBranch: "main",
      folder: expect.stringMatching(/^handouts\/bee-1\/[0-9a-f]{32}\.git$/),
    });
    if (!reply.ok) return;
    expect(new Map(reply.heads).get("dev")).toBe(dev);
    expect(plainGit(join(folder, reply.folder), "cat-file", "-p", `${dev}:a.txt`)).toBe("a");
  });

  it("shares the mirror's files instead of copying them", async () => {
    const repo = await world.makeRepo("linked.git", { "big.txt": "x".repeat(100_000) });
    const { get, folder } = await startKeeper(world);
    const handOut = await get(repo, "job-1:1");
    const packs = files(join(handOut, "objects", "pack")).filter((path) => path.endsWith(".pack"));
    expect(packs).toHaveLength(1);
    const inMirrors = files(join(folder, "mirrors")).map((path) => statSync(path).ino);
    for (const pack of packs) expect(inMirrors).toContain(statSync(pack).ino);
  });

  it("can be read and not written by others, whose folder cannot be listed, and whose mirrors cannot be entered", async () => {
    const before = process.umask(0o077);
    try {
      const repo = await world.makeRepo("modes.git");
      const { get, folder } = await startKeeper(world);
      const handOut = await get(repo, "job-1:1");
      const mode = (path: string): number => statSync(path).mode & 0o777;
      expect(mode(join(folder, "mirrors"))).toBe(0o700);
      expect(mode(join(folder, "leases"))).toBe(0o700);
      expect(mode(join(folder, "handouts"))).toBe(0o711);
      expect(mode(join(folder, "handouts", "bee-1"))).toBe(0o711);
      for (const entry of [
        handOut,
        ...readdirSync(handOut, { recursive: true }).map((name) => join(handOut, String(name))),
      ]) {
        expect([entry, mode(entry) & 0o022]).toEqual([entry, 0]);
        expect([entry, mode(entry) & 0o004]).toEqual([entry, 0o004]);
      }
    } finally {
      process.umask(before);
    }
  });

  it.runIf(process.getuid?.() === 0)(
    "is read by another user who knows its name, and found by none who does not",
    async () => {
      const repo = await world.makeRepo("asked.git", { "a.txt": "content\n" });
      const { get, folder } = await startKeeper(world);
      const handOut = await get(repo, "job-1:1");
      const home = world.newFolder("home");
      chmodSync(folder, 0o755);
      const as = async (script: string): Promise<string> => {
        let said = "";
        const user = { uid: 20_123, gid: 20_123, home };
        const env = { PATH: process.env["PATH"] ?? "", HOME: home, H: handOut, GIT_DIR: handOut };
        await run({
          argv: ["sh", "-c", script],
          cwd: home,
          env,
          user,
          onOutput: (chunk) => void (said += Buffer.from(chunk).toString()),
        });
        return said;
      };
      expect(await as("git cat-file -p main:a.txt")).toBe("content\n");
      expect(await as(`ls ${join(folder, "handouts", "bee-1")} 2>&1`)).toMatch(/Permission denied/);
      expect(await as(`ls ${join(folder, "handouts")} 2>&1`)).toMatch(/Permission denied/);
      expect(await as(`ls ${join(folder, "mirrors")} 2>&1`)).toMatch(/Permission denied/);
      expect(await as('echo x > "$H/HEAD"; touch "$H/x"; rm -rf "$H/objects"; ls "$H/objects"')).toMatch(/pack/);
    },
  );

  it("keeps the worker's folder that a container has mounted", async () => {
    const repo = await world.makeRepo("mounted.git");
    const { get, folder, keeper } = await startKeeper(world);
    const mounted = join(folder, "handouts", "bee-9");
    mkdirSync(mounted, { mode: 0o711 });
    const before = statSync(mounted).ino;
    expect(await get(repo, "job-1:1", { worker: "bee-9" })).toContain(mounted);
    await keeper.release("job-1:1");
    expect(statSync(mounted).ino).toBe(before);
  });

  it("is made only for a credential that opens the repository, also when the mirror is there", async () => {
    const repo = await world.makeRepo("private.git", { "secret.txt": "for members\n" });
    const { ask, get, folder } = await startKeeper(world);
    await get(repo, "job-1:1");
    const wrong = { username: "x-access-token", password: "wrong" };
    expect(await ask(repo, "job-2:1", { credential: wrong })).toMatchObject({ ok: false, code: "token_refused" });
    expect(await ask(repo, "job-3:1", { credential: null })).toMatchObject({ ok: false, code: "token_needed" });
    const stranger = { username: "stranger", password: "stranger-token" };
    expect(await ask(repo, "job-4:1", { credential: stranger, worker: "bee-4" })).toMatchObject({
      ok: false,
      code: "repo_not_found",
    });
    expect(readdirSync(join(folder, "handouts"))).toEqual(["bee-1"]);
  });

  it("is not made of a repository with more branches than can be told", async () => {
    const repo = await world.makeRepo("branches.git");
    for (const name of ["one", "two"]) plainGit(join(world.folder, "served", repo), "branch", name);
    const { ask, folder } = await startKeeper(world, { mostHeads: 2 });
    expect(await ask(repo, "job-1:1")).toMatchObject({
      ok: false,
      code: "work_too_large",
      message: expect.stringContaining("3 branches"),
    });
    expect(readdirSync(join(folder, "handouts"))).toEqual([]);
  });

  it("takes a folder of this machine only where that is allowed", async () => {
    const repo = await world.makeRepo("local.git");
    const { ask } = await startKeeper(world);
    const reply = await ask("", "job-1:1", { repo: `file://${join(world.folder, "served", repo)}` });
    expect(reply).toMatchObject({ ok: false, code: "repo_not_found" });
  });

  it("leaves the credential nowhere on the disk", async () => {
    const repo = await world.makeRepo("canary.git");
    const { get, folder } = await startKeeper(world);
    await get(repo, "job-1:1");
    expect(files(folder).filter((path) => readFileSync(path).includes(TOKEN))).toEqual([]);
    expect(readdirSync(join(world.folder, "private"))).toEqual([]);
  });
});

describe("ten workers that ask at once", () => {
  it("cost the host one fetch, and each its own listing", async () => {
    const repo = await world.makeRepo("ten.git");
    const { get } = await startKeeper(world);
    const posts = countPosts();
    const folders = await Promise.all(
      Array.from({ length: 10 }, (_, index) => get(repo, `job-${index}:1`, { worker: `bee-${index}` })),
    );
    expect(new Set(folders).size).toBe(10);
    expect(posts()).toBe(10 + 2);
  });

  it("all get theirs when the one that began the fetch is canceled", async () => {
    const repo = await world.makeRepo("first-leaves.git");
    const { get, ask, keeper, folder } = await startKeeper(world);
    // The fetch cannot begin as long as we hold the lock it needs.
    const mirrors = await createMirrors(world.git, join(folder, "mirrors"));
    let letGo = (): void => {};
    const held = withFileLock(
      `${mirrors.folderOf(world.address(repo))}.lock`,
      () => new Promise<void>((resolve) => (letGo = resolve)),
    );
    const posts = countPosts();
    const begun = fetchBegins();
    const first = ask(repo, "job-1:1");
    await begun;
    const second = get(repo, "job-2:1", { credential: other });
    await keeper.release("job-1:1");
    expect(await first).toMatchObject({ ok: false, code: "aborted" });
    letGo();
    await held;
    expect(existsSync(join(await second, "HEAD"))).toBe(true);
    expect(posts()).toBe(2 + 2);
  });
});

describe("a lease that is over", () => {
  it("loses its hand-outs and no other's", async () => {
    const repo = await world.makeRepo("over.git");
    const { get, keeper } = await startKeeper(world);
    const mine = await get(repo, "job-1:1");
    const again = await get(repo, "job-1:1");
    const others = await get(repo, "job-1:2");
    expect(keeper.leases()).toEqual(["job-1:1", "job-1:2"]);
    await keeper.release("job-1:1");
    expect([existsSync(mine), existsSync(again), existsSync(others)]).toEqual([false, false, true]);
    expect(keeper.leases()).toEqual(["job-1:2"]);
    await keeper.release("job-1:1");
  });

  it("stops the clone it waits for, and leaves nothing half made", async () => {
    const repo = await world.makeRepo("stopped.git");
    const { ask, keeper, folder } = await startKeeper(world);
    const begun = fetchBegins();
    const asked = ask(repo, "job-1:1");
    await begun;
    await keeper.release("job-1:1");
    expect(await asked).toMatchObject({ ok: false, code: "aborted" });
    expect(keeper.leases()).toEqual([]);
    expect(
      readdirSync(join(folder, "mirrors")).filter((name) => name.includes("new-") || name.startsWith("handout-")),
    ).toEqual([]);
    expect(readdirSync(join(folder, "leases"))).toEqual([]);
  });
});

describe("a keeper that starts again", () => {
  it("keeps what was handed out, knows whose it is, and removes what was half made", async () => {
    const repo = await world.makeRepo("restart.git");
    const { get, again, folder } = await startKeeper(world);
    const kept = await get(repo, "job-1:1");
    const orphan = join(folder, "handouts", "bee-1", `${"0".repeat(32)}.git`);
    mkdirSync(orphan);
    mkdirSync(join(folder, "mirrors", "handout-x.git"));
    mkdirSync(join(folder, "mirrors", "some-repo.git.new-1234"));
    writeFileSync(
      join(folder, "leases", `${"1".repeat(32)}.json`),
      '{"lease":"job-9:1","worker":"bee-1","mirror":"m","birth":""}',
    );
    writeFileSync(join(folder, "leases", "half.json"), '{"lea');
    const next = await again();
    expect(next.keeper.leases()).toEqual(["job-1:1"]);
    expect([existsSync(kept), existsSync(orphan)]).toEqual([true, false]);
    expect(readdirSync(join(folder, "mirrors")).filter((name) => /new-|handout-/.test(name))).toEqual([]);
    expect(readdirSync(join(folder, "leases"))).toHaveLength(1);
    await next.keeper.release("job-1:1");
    expect(existsSync(kept)).toBe(false);
  });
});

describe("a damaged mirror", () => {
  it("is fetched anew once for all who found it so", async () => {
    const repo = await world.makeRepo("damaged.git", { "a.txt": "a\n".repeat(1000) });
    const { ask, folder, said } = await startKeeper(world);
    const first = await ask(repo, "job-1:1");
    const second = await ask(repo, "job-2:1");
    if (!first.ok || !second.ok) throw new Error("not handed out");
    for (const path of files(join(folder, first.folder)).filter((file) => file.endsWith(".pack"))) {
      chmodSync(path, 0o600);
      truncateSync(path, 40);
    }
    const renewed = await ask(repo, "job-1:1", { broken: first.folder });
    const joined = await ask(repo, "job-2:1", { broken: second.folder });
    if (!renewed.ok || !joined.ok) throw new Error("not handed out");
    expect(plainGit(join(folder, renewed.folder), "cat-file", "-p", "main:a.txt")).toHaveLength(1999);
    expect(said.filter((line) => line.includes("fetched anew"))).toHaveLength(1);
  });

  it("that another lease throws away while it is handed out is fetched anew for both", async () => {
    const repo = await world.makeRepo("thrown.git", { "a.txt": "a\n" });
    let thrown = false;
    const git: Git = {
      ...world.git,
      async run(args, call) {
        const isHandOut = args[0] === "clone";
        if (isHandOut && !thrown) {
          thrown = true;
          rmSync(args.at(-2) ?? "", { recursive: true });
        }
        return world.git.run(args, call);
      },
    };
    const { get } = await startKeeper(world, { git });
    expect(plainGit(await get(repo, "job-1:1"), "cat-file", "-p", "main:a.txt")).toBe("a");
    expect(thrown).toBe(true);
  });

  it("is not thrown away for a hand-out that is another lease's", async () => {
    const repo = await world.makeRepo("not-yours.git");
    const { ask, said } = await startKeeper(world);
    const theirs = await ask(repo, "job-1:1");
    if (!theirs.ok) throw new Error("not handed out");
    expect(await ask(repo, "job-2:1", { broken: theirs.folder })).toMatchObject({ ok: true });
    expect(said).toEqual([]);
  });
});

describe("a full disk", () => {
  it("refuses to fetch, says so, and still hands out what needs no fetch", async () => {
    const repo = await world.makeRepo("full.git");
    const there = await world.makeRepo("there.git");
    const { ask, get, machine, said } = await startKeeper(world);
    await get(there, "job-0:1");
    machine.free = 5e8;
    expect(await ask(repo, "job-1:1")).toMatchObject({
      ok: false,
      code: "disk_full",
      message: expect.stringContaining("500 MB are free"),
    });
    expect(said.at(-1)).toContain("disk is full");
    expect(await ask(there, "job-2:1")).toMatchObject({ ok: true });
    machine.free = 5e9;
    expect(await ask(repo, "job-1:2")).toMatchObject({ ok: true });
  });

  it("makes room by itself where mirrors lie that nobody uses", async () => {
    const old = await world.makeRepo("old.git");
    const used = await world.makeRepo("used.git");
    const repo = await world.makeRepo("wanted.git");
    const { get, keeper, machine, folder, said } = await startKeeper(world);
    await get(old, "job-1:1");
    await keeper.release("job-1:1");
    await get(used, "job-2:1");
    machine.free = 9.9e8;
    const freed = new Promise<void>((resolve) => {
      const before = said.push.bind(said);
      said.push = (...lines) => {
        if (lines.some((line) => line.includes("removed the mirror"))) {
          machine.free = 2e9;
          resolve();
        }
        return before(...lines);
      };
    });
    await get(repo, "job-3:1");
    await freed;
    const left = readdirSync(join(folder, "mirrors")).filter((name) => name.endsWith(".git"));
    expect(left.some((name) => name.includes("old-"))).toBe(false);
    expect(left.some((name) => name.includes("used-"))).toBe(true);
  });

  it("cuts a fetch that fills it", async () => {
    const repo = await world.makeRepo("huge.git");
    const { ask, machine, said } = await startKeeper(world);
    world.server.intercept = ({ method, path }) => {
      // The listing goes through; with the first word of the fetch the disk is nearly full.
      if (method === "POST" && path.includes("upload-pack") && machine.free > 1e9) {
        const posts = world.server.requests.filter(
          (request) => request.method === "POST" && request.path.includes("huge.git"),
        );
        if (posts.length >= 2) {
          machine.free = 1e8;
          machine.look();
        }
      }
      return null;
    };
    expect(await ask(repo, "job-1:1")).toMatchObject({ ok: false, code: "disk_full" });
    expect(said.at(-1)).toContain("the fetch was stopped");
  });
});

describe("mirrors nobody uses", () => {
  it("go after their days, and one that is in use never does", async () => {
    const idle = await world.makeRepo("idle.git");
    const busy = await world.makeRepo("busy.git");
    const { get, keeper, machine, folder, said } = await startKeeper(world);
    await get(idle, "job-1:1");
    await keeper.release("job-1:1");
    const handOut = await get(busy, "job-2:1");
    machine.now += 31 * DAY_MS;
    await keeper.tidy();
    const left = (): string[] => readdirSync(join(folder, "mirrors")).filter((name) => name.endsWith(".git"));
    expect(left().every((name) => name.includes("busy-"))).toBe(true);
    expect(said.at(-1)).toMatch(/removed the mirror .*-idle-.*nobody used it for 31 days/);
    expect(plainGit(handOut, "rev-parse", "main")).toMatch(/^[0-9a-f]{40}$/);
    await keeper.release("job-2:1");
    await keeper.tidy();
    expect(left()).toEqual([]);
    rmSync(handOut, { force: true });
  });
});
