/** The caches of a job, with real git, tar and users, and a dispatcher that is a map in memory. */

import { createHash } from "node:crypto";
import { chownSync, existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Workspace } from "../git/checkout.ts";
import { type GitWorld, openWorkspace, plainGit, startGitWorld } from "../git/git-fixture.ts";
import { openSlot, type Slot, wipeSlot } from "../process/agent-user.ts";
import { run } from "../process/run.ts";
import type { LeaseCalls } from "../report/lease-calls.ts";
import { type TarEntry, tarOf } from "../archives/archive.fixture.ts";
import { type CacheJob, type JobCaches, openCaches } from "./job-caches.ts";

let world: GitWorld;
let slot: Slot;
let repo: string;
let count = 0;
const stored = new Map<string, Buffer>();
let said: string[] = [];
let puts: string[] = [];

beforeAll(async () => {
  world = await startGitWorld();
  slot = await openSlot({ folder: join(world.folder, "slot"), slot: 0, uidBase: 52_000 + (process.pid % 1_000) });
});
afterAll(() => world.stop());
beforeEach(async () => {
  stored.clear();
  said = [];
  puts = [];
  count += 1;
  repo = await world.makeRepo(`caches-${count}.git`, {
    ".hive/config.yaml": "caches: [deps, ~/.pip, {path: locked, key: lock.json}]\n",
    "lock.json": "1",
  });
  await wipeSlot(slot);
});

const calls: Pick<LeaseCalls, "getCache" | "putCache"> = {
  getCache(name) {
    const bytes = stored.get(name);
    if (bytes === undefined) return Promise.resolve(null);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    async function* stream(whole: Buffer): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += 1_000) yield await Promise.resolve(whole.subarray(at, at + 1_000));
    }
    return Promise.resolve({ sha256, stream: stream(bytes) });
  },
  putCache(name, sha256, file) {
    const bytes = readFileSync(file);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    stored.set(name, bytes);
    puts.push(name);
    return Promise.resolve();
  },
};

interface Opened {
  readonly caches: JobCaches;
  readonly workspace: Workspace;
}

/** A job of its own on this worker, as the next one would be. */
async function openJob(more: Partial<CacheJob> = {}, branch: string | null = null): Promise<Opened> {
  await wipeSlot(slot);
  const agent = slot.user === undefined ? {} : { agent: slot.user };
  const workspace = await openWorkspace(world, repo, { ...agent, branch });
  const caches = await openCaches({
    git: world.git,
    workspace,
    slot,
    folder: world.newFolder("private"),
    mayFill: true,
    calls,
    say: (line) => Promise.resolve(void said.push(line)),
    mono: () => performance.now(),
    signal: new AbortController().signal,
    ...more,
  });
  if (caches === null) throw new Error("no caches");
  return { caches, workspace };
}

/** A shell line as the job's user in the working copy. */
async function sh({ workspace }: Opened, script: string): Promise<string> {
  let out = "";
  const { exitCode } = await run({
    argv: ["/bin/sh", "-ec", script],
    cwd: workspace.repo,
    env: { PATH: "/usr/bin:/bin", HOME: slot.home },
    onOutput: (chunk) => {
      out += Buffer.from(chunk).toString();
    },
    ...(slot.user === undefined ? {} : { user: slot.user }),
  });
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${out}`);
  return out.trim();
}

const FILL = `mkdir -p deps/bin "$HOME/.pip" locked; echo code > deps/a.js; chmod 755 deps/a.js; ln -s ../a.js deps/bin/a
echo wheel > "$HOME/.pip/w"; echo one > locked/x; chmod 500 locked`;

test("a job fills its caches and the next one finds them as they were", async () => {
  const first = await openJob();
  await first.caches.restore();
  expect(said).toEqual(["deps", "~/.pip", "locked"].map((path) => `caches: ${path} is not there yet`));
  await sh(first, FILL);
  await first.caches.save();
  expect(puts).toHaveLength(3);

  const second = await openJob();
  await second.caches.restore();
  expect(
    await sh(second, "./deps/a.js 2>/dev/null || cat deps/bin/a; cat ~/.pip/w locked/x; stat -c %a deps/a.js"),
  ).toBe("code\nwheel\none\n755");
  expect(said.at(-1)).toMatch(/^caches: locked restored: \d+ bytes in \d+ ms$/);
  // Everything of it is the job's own, and nothing was left beside it.
  if (slot.user !== undefined) expect(lstatSync(join(second.workspace.repo, "deps")).uid).toBe(slot.user.uid);
  expect(readdirSync(slot.tmp)).toEqual([]);
});

test("what did not change is not sent again; what its key files stand for never is", async () => {
  const first = await openJob();
  await sh(first, FILL);
  await first.caches.save();
  const second = await openJob();
  await second.caches.restore();
  await sh(second, "chmod u+w locked; echo more > locked/y; cat deps/a.js");
  puts = [];
  await second.caches.save();
  expect(puts).toEqual([]);

  const third = await openJob();
  await third.caches.restore();
  await sh(third, "echo new > deps/b.js");
  await third.caches.save();
  expect(puts).toHaveLength(1);
  const fourth = await openJob();
  await fourth.caches.restore();
  expect(await sh(fourth, "cat deps/b.js; ls locked")).toBe("new\nx");
});

test("when a key file changes at base, the cache made from the old one fits no more", async () => {
  const first = await openJob();
  await sh(first, FILL);
  await first.caches.save();
  world.commitElsewhere(repo, "main", { "lock.json": "2" });
  const second = await openJob();
  await second.caches.restore();
  expect(said.at(-1)).toBe("caches: locked is not there yet");
  expect(await sh(second, "ls")).toContain("deps");
});

test("a job that may not fill, or did not start at the head of base, sends nothing", async () => {
  for (const job of [await openJob({ mayFill: false }), await openElsewhere()]) {
    expect(job.caches.fills).toBe(false);
    await sh(job, FILL);
    await job.caches.save();
  }
  expect(puts).toEqual([]);

  async function openElsewhere(): Promise<Opened> {
    world.commitElsewhere(repo, "feature", { "x.txt": "not merged" });
    return openJob({}, "feature");
  }
});

test("no cache is ever committed, also where the repository does not ignore it", async () => {
  const job = await openJob();
  await sh(job, `${FILL}; echo work > work.txt`);
  expect(await sh(job, "git add -A; git diff --cached --name-only")).toBe("work.txt");
});

test("a folder that is part of the repository is no cache, and stays part of its commits", async () => {
  repo = await world.makeRepo(`tracked-${count}.git`, {
    ".hive/config.yaml": "caches: [src, deps]\n",
    "src/a.ts": "a",
  });
  const job = await openJob();
  expect(said).toEqual(["caches: src is part of the repository, so it is no cache"]);
  expect(await sh(job, "echo b > src/b.ts; git add -A; git diff --cached --name-only")).toBe("src/b.ts");
});

/** Puts an archive where the dispatcher would have the cache `deps`. */
async function plant(bytes: Buffer): Promise<void> {
  const filler = await openJob();
  await sh(filler, "mkdir deps; echo honest > deps/x");
  await filler.caches.save();
  const [name = ""] = puts;
  stored.set(name, bytes);
}

const honest: TarEntry = { path: "deps/", type: "5" };
const poisons: Record<string, TarEntry[]> = {
  "a path above": [honest, { path: "deps/../../escaped", body: "x" }],
  "an absolute path": [honest, { path: "/tmp/hive-escaped", body: "x" }],
  "a file through a link": [honest, { path: "deps/l", type: "2", target: ".." }, { path: "deps/l/escaped", body: "x" }],
  "a hard link": [honest, { path: "deps/passwd", type: "1", target: "/etc/passwd" }],
  "a device": [honest, { path: "deps/null", type: "3" }],
  "a pipe": [honest, { path: "deps/pipe", type: "6" }],
  "git's own folder": [honest, { path: ".git/hooks/pre-commit", body: "x" }],
  "a size that never ends": [honest, { path: "deps/x", size: "77777777777" }],
};

test.each(Object.entries(poisons))("a poisoned cache escapes nowhere: %s", async (_what, entries) => {
  await plant(zstdCompressSync(tarOf(entries)));
  const job = await openJob();
  await job.caches.restore();
  expect(said.filter((line) => line.startsWith("caches: deps was not restored: "))).toHaveLength(1);
  expect(await sh(job, "git status --porcelain --ignored; ls -A $HOME")).toBe("");
  expect([existsSync("/tmp/hive-escaped"), existsSync(join(job.workspace.folder, "escaped"))]).toEqual([false, false]);
  expect(readdirSync(slot.tmp)).toEqual([]);
});

test("bytes that are no archive, a bomb, or were cut off on the way are one line in the log and nothing else", async () => {
  const good = tarOf([honest, { path: "deps/x", body: "x".repeat(5_000) }]);
  const whole = zstdCompressSync(good);
  for (const bytes of [
    Buffer.from("nonsense"),
    whole.subarray(0, whole.length - 3),
    zstdCompressSync(good.subarray(0, 900)),
    Buffer.alloc(0),
  ]) {
    await plant(bytes);
    puts = [];
    const job = await openJob();
    await job.caches.restore();
    expect(await sh(job, "ls -A")).toBe(".git\n.hive\nlock.json");
    expect(said.filter((line) => line.includes("deps was not restored"))).toHaveLength(1);
    said = [];
  }
});

test("a checksum that does not fit keeps the cache out", async () => {
  await plant(zstdCompressSync(tarOf([honest])));
  const job = await openJob({
    calls: {
      ...calls,
      getCache: async (name, signal) => {
        const found = await calls.getCache(name, signal);
        return found === null ? null : { ...found, sha256: "0".repeat(64) };
      },
    },
  });
  await job.caches.restore();
  expect(said.join("\n")).toContain("deps was not restored: its bytes do not match its checksum");
  expect(await sh(job, "ls -A")).not.toContain("deps");
});

test("a branch whose link would lead a cache out of the working copy gets none", async () => {
  repo = await world.makeRepo(`linked-${count}.git`, { ".hive/config.yaml": "caches: [linked/deps]\n" });
  const filler = await openJob();
  await sh(filler, "mkdir -p linked/deps; echo x > linked/deps/x");
  await filler.caches.save();
  expect(puts).toHaveLength(1);
  const elsewhere = world.newFolder("elsewhere");
  if (slot.user !== undefined) chownSync(elsewhere, slot.user.uid, slot.user.gid);
  const clone = world.newFolder("clone");
  plainGit(clone, "clone", "-q", join(world.folder, "served", repo), ".");
  await run({ argv: ["ln", "-s", elsewhere, join(clone, "linked")], cwd: "/", env: { PATH: "/usr/bin:/bin" } });
  plainGit(clone, "checkout", "-q", "-b", "feature");
  plainGit(clone, "add", "-A");
  plainGit(clone, "commit", "-q", "-m", "a link");
  plainGit(clone, "push", "-q", "origin", "feature");
  const job = await openJob({}, "feature");
  await job.caches.restore();
  expect(said.at(-1)).toContain("a link leads away from it");
  expect(readdirSync(elsewhere)).toEqual([]);
});

test("a folder that cannot be restored is not kept either, and leaves no file behind", async () => {
  const folder = world.newFolder("packing");
  const job = await openJob({ folder });
  await sh(job, "mkdir deps; mkfifo deps/pipe; ln -s deps locked; touch $HOME/.pip");
  await job.caches.save();
  expect(said.slice(-3)).toEqual([
    'caches: deps was not kept: "deps/pipe" is neither a file, a folder nor a link',
    "caches: ~/.pip was not kept: it is no folder",
    "caches: locked was not kept: a link leads away from it",
  ]);
  expect([puts, readdirSync(folder)]).toEqual([[], []]);
});

test("a dispatcher that takes nothing and gives nothing fails no job", async () => {
  const refuse = (): Promise<never> => Promise.reject(new Error("the disk is full"));
  const job = await openJob({ calls: { getCache: refuse, putCache: refuse } });
  await job.caches.restore();
  await sh(job, FILL);
  await job.caches.save();
  expect(said).toHaveLength(6);
  expect(said.every((line) => line.endsWith(": the disk is full"))).toBe(true);
});

test("once the job is stopped nothing more is asked for or sent", async () => {
  const stopped = new AbortController();
  const job = await openJob({ signal: stopped.signal });
  await sh(job, FILL);
  stopped.abort();
  await job.caches.save();
  expect(puts).toEqual([]);
});
