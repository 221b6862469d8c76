import { chmodSync, chownSync, lstatSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { MirrorReply } from "@hive/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startKeeper } from "../mirror-keeper/keeper-fixture.ts";
import { run } from "../process/run.ts";
import { checkout, readBaseFile } from "./checkout.ts";
import { collect } from "./collect.ts";
import { commitInside, type GitWorld, plainGit, startGitWorld } from "./git-fixture.ts";
import { createHandedOutMirrors } from "./handed-out-mirrors.ts";
import { createMirrors, type Mirrors } from "./mirror.ts";

let world: GitWorld;
beforeAll(async () => {
  world = await startGitWorld();
});
afterAll(() => world.stop());

/** For what must be there: nothing may be cloned. */
const NO_OTHER = {
  own: () => Promise.reject(new Error("a hand-out was there")),
  warn: () => undefined,
};

/** A keeper, and the mirrors of one lease that asks it. `seen` are its answers. */
async function handedOut(repo: string): Promise<{ mirrors: Mirrors; seen: MirrorReply[]; folder: string }> {
  const { ask, folder } = await startKeeper(world);
  const seen: MirrorReply[] = [];
  const mirrors = createHandedOutMirrors({
    ...NO_OTHER,
    folder,
    ask: async ({ broken }) => {
      const reply = await ask(repo, "job-1:1", { broken });
      seen.push(reply);
      return reply;
    },
  });
  return { mirrors, seen, folder };
}

function wanted(repo: string, mirrors: Mirrors) {
  return {
    git: world.git,
    mirrors,
    remote: { address: world.address(repo), credential: world.credential },
    jobId: "job-1",
    branch: null,
    base: null,
    folder: world.newFolder("attempt"),
  };
}

describe("a checkout from what the server handed out", () => {
  it("borrows from it and copies nothing", async () => {
    const repo = await world.makeRepo("borrowed.git", { "README.md": "hello\n", ".hive/config.yaml": "test: make\n" });
    const { mirrors, seen, folder } = await handedOut(repo);
    const options = wanted(repo, mirrors);
    const made = await checkout(options);
    if (!made.ok) throw new Error(made.message);
    expect(readFileSync(join(made.repo, "README.md"), "utf8")).toBe("hello\n");
    expect(readdirSync(options.folder)).toEqual(["repo"]);
    const [reply] = seen;
    expect(reply?.ok === true && made.borrowed).toBe(join(folder, reply?.ok === true ? reply.folder : "", "objects"));
    expect(await readBaseFile(world.git, made, ".hive/config.yaml", 1000)).toBe("test: make\n");
  });

  it.runIf(process.getuid?.() === 0)(
    "works where it is another user's, for the agent and for the publisher",
    async () => {
      const repo = await world.makeRepo("another.git", { "a.txt": "a\n" });
      const { mirrors, seen, folder } = await handedOut(repo);
      const agent = { uid: 20_321, gid: 20_321, home: world.newFolder("home") };
      chmodSync(folder, 0o755);
      const asOther: Mirrors = {
        ...mirrors,
        async prepare(remote, signal) {
          const mirror = await mirrors.prepare(remote, signal);
          const [reply] = seen;
          if (reply?.ok !== true) throw new Error("not handed out");
          const place = join(folder, reply.folder);
          for (const name of ["", ...readdirSync(place, { recursive: true })])
            chownSync(join(place, String(name)), 10_000, 10_000);
          return mirror;
        },
      };
      const made = await checkout({ ...wanted(repo, asOther), agent });
      if (!made.ok) throw new Error(`${made.code} ${made.message}`);
      expect(lstatSync(made.borrowed).uid).toBe(10_000);
      expect(await readBaseFile(world.git, made, "a.txt", 1000)).toBe("a\n");
      const script = "echo new > b.txt && git add -A && git commit -q -m work && git log --format=%s | wc -l";
      let said = "";
      await run({
        argv: ["sh", "-c", script],
        cwd: made.repo,
        env: { PATH: process.env["PATH"] ?? "", HOME: agent.home },
        user: agent,
        onOutput: (chunk) => void (said += Buffer.from(chunk).toString()),
      });
      expect(said.trim()).toBe("2");
      const work = await collect({
        git: world.git,
        workspace: made,
        message: "rest",
        killAgent: () => Promise.resolve(),
      });
      expect(work).toMatchObject({ ok: true });
    },
  );

  it("asks for the repository anew when what was handed out is damaged", async () => {
    const repo = await world.makeRepo("damaged.git", { "a.txt": "a\n".repeat(1000) });
    const { mirrors, seen, folder } = await handedOut(repo);
    let damaged = false;
    const onceDamaged: Mirrors = {
      ...mirrors,
      async prepare(remote, signal) {
        const mirror = await mirrors.prepare(remote, signal);
        if (!mirror.ok || damaged) return mirror;
        damaged = true;
        const packs = join(mirror.folder, "objects", "pack");
        for (const name of readdirSync(packs).filter((one) => one.endsWith(".pack"))) {
          chmodSync(join(packs, name), 0o600);
          truncateSync(join(packs, name), 40);
        }
        return mirror;
      },
    };
    const made = await checkout(wanted(repo, onceDamaged));
    if (!made.ok) throw new Error(`${made.code} ${made.message}`);
    expect(readFileSync(join(made.repo, "a.txt"), "utf8")).toHaveLength(2000);
    expect(seen.map((reply) => reply.ok)).toEqual([true, true]);
    expect(commitInside(made.repo, { "b.txt": "b\n" })).toMatch(/^[0-9a-f]{40}$/);
    expect(plainGit(join(folder, seen[1]?.ok === true ? seen[1].folder : ""), "fsck")).toBe("");
  });

  it("says which hand-out is outdated, by the name the server gave it", async () => {
    const repo = await world.makeRepo("outdated.git", { "a.txt": "a\n" });
    const { ask, folder } = await startKeeper(world);
    const asked: unknown[] = [];
    const mirrors = createHandedOutMirrors({
      ...NO_OTHER,
      folder,
      ask: (about) => {
        asked.push(about);
        return ask(repo, "job-1:1");
      },
    });
    const { remote } = wanted(repo, mirrors);
    const first = await mirrors.prepare(remote);
    if (!first.ok) throw new Error(first.message);
    const pushed = world.commitElsewhere(repo, "main", { "a.txt": "b\n" });
    const second = await mirrors.prepare(remote, undefined, first);
    if (!second.ok) throw new Error(second.message);
    expect(second.refs.heads.get("main")).toBe(pushed);
    const outdated = expect.stringMatching(/^handouts\/[^/]+\/[0-9a-f]{32}\.git$/);
    expect(asked).toEqual([
      { broken: null, outdated: null },
      { broken: null, outdated },
    ]);
  });

  it("clones by itself what was handed out elsewhere, with the job's own credential, and goes on so", async () => {
    const repo = await world.makeRepo("far.git", { "a.txt": "a\n" });
    const warnings: string[] = [];
    const places: string[] = [];
    const asked: unknown[] = [];
    const mirrors = createHandedOutMirrors({
      folder: world.newFolder("mounted"),
      ask: (about) => {
        asked.push(about);
        const folder = `handouts/bee-1/${"0".repeat(32)}.git`;
        return Promise.resolve({ ok: true, folder, defaultBranch: null, heads: [] });
      },
      own: () => {
        places.push(world.newFolder("own"));
        return createMirrors(world.git, places.at(-1) ?? "");
      },
      warn: (message) => warnings.push(message),
    });
    const made = await checkout(wanted(repo, mirrors));
    if (!made.ok) throw new Error(`${made.code} ${made.message}`);
    expect(readFileSync(join(made.repo, "a.txt"), "utf8")).toBe("a\n");
    expect(made.mirror.folder.startsWith(places[0] ?? "none")).toBe(true);
    const pushed = world.commitElsewhere(repo, "main", { "a.txt": "b\n" });
    const again = await mirrors.prepare(wanted(repo, mirrors).remote, undefined, made.mirror);
    expect(again.ok && again.refs.heads.get("main")).toBe(pushed);
    expect([asked.length, places.length, warnings.length]).toEqual([1, 1, 1]);
    expect(warnings[0]).toContain("mounted");
    const stranger = { ...wanted(repo, mirrors).remote, credential: { username: "x", password: "wrong" } };
    expect(await mirrors.prepare(stranger)).toMatchObject({ ok: false });
  });

  it("fails as the server says", async () => {
    const repo = await world.makeRepo("unmounted.git");
    const refusing = (reply: MirrorReply): Mirrors =>
      createHandedOutMirrors({ ...NO_OTHER, folder: world.folder, ask: () => Promise.resolve(reply) });
    const full = refusing({ ok: false, code: "disk_full", message: "the server's disk is full" });
    expect(await checkout(wanted(repo, full))).toMatchObject({
      ok: false,
      code: "disk_full",
      message: "the server's disk is full",
    });
    const newer = refusing({ ok: false, code: "something_new", message: "of a newer server" });
    expect(await checkout(wanted(repo, newer))).toMatchObject({
      ok: false,
      code: "git_failed",
      message: "of a newer server",
    });
  });

  it("is left by who is stopped while the server fetches", async () => {
    const repo = await world.makeRepo("patient.git");
    const stop = new AbortController();
    const mirrors = createHandedOutMirrors({
      ...NO_OTHER,
      folder: world.folder,
      ask: (_about, signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(new Error("left")));
          stop.abort();
        }),
    });
    expect(await checkout({ ...wanted(repo, mirrors), signal: stop.signal })).toMatchObject({
      ok: false,
      code: "aborted",
    });
  });
});
