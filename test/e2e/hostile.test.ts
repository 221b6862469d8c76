/**
 * A hostile script and a hostile repository look for the push token, for the server's secrets and for a way to run as the
 * supervisor. Nothing here is believed because a unit test says so: everything goes through the running server.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Files, type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { withTraces } from "./processes.ts";

const TOKEN = "ghp_hostile0Canary1Token2For3Hive4Tests56";
let git: GitHost;
let server: HiveProcess;
let outside: string;

beforeAll(async () => {
  git = await startGitHost({ "x-access-token": { password: TOKEN } });
  server = await startHive({ env: { HIVE_AGENT: "demo" } });
  outside = mkdtempSync(join(tmpdir(), "hive-e2e-outside-"));
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
  if (outside !== undefined) rmSync(outside, { recursive: true, force: true });
});

function script(name: string, text: string, files?: Files) {
  const repo = git.makeRepo(`hostile/${name}.git`, files);
  return server.run({ jobId: name, repo, task: "script", script: text, githubToken: TOKEN });
}

async function logOf(jobId: string): Promise<string> {
  return (await server.fetch(`/v1/jobs/${jobId}/logs`)).text();
}

/** The values of the server's secrets, which no job may see. */
function serverSecrets(): string[] {
  const text = readFileSync(join(server.data, "secrets.env"), "utf8");
  return [...text.matchAll(/^export \w+=(\S+)$/gm)].map((match) => match[1] ?? "");
}

/**
 * A log hides what it knows, so the script tells by itself whether it saw a secret: it compares hashes of every word it
 * can find with hashes of the secrets.
 */
function hunt(secrets: readonly string[]): string {
  const hashes = secrets.map((one) => createHash("sha256").update(one).digest("hex"));
  return `cat > hunt.mjs <<'END'
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, lstatSync, statSync } from "node:fs";
import { join } from "node:path";
const wanted = new Set(${JSON.stringify(hashes)});
const found = [];
let looked = 0;
function judge(place, text) {
  looked += 1;
  const words = new Set(text.split(/[\\s\\0"',;=@]+|(?<=x-access-token):|\\/\\//).flatMap((w) => [w, decode(w)]));
  for (const word of words) {
    const parts = [word, ...word.split(":")];
    for (const one of parts) if (one.length > 8 && wanted.has(createHash("sha256").update(one).digest("hex"))) found.push(place);
  }
}
function decode(word) { try { return Buffer.from(word, "base64").toString("utf8"); } catch { return ""; } }
function file(place) { try { judge(place, readFileSync(place, "latin1")); } catch {} }
function walk(folder, depth) {
  let names = [];
  try { names = readdirSync(folder); } catch { return; }
  for (const name of names) {
    const path = join(folder, name);
    try {
      const stat = lstatSync(path);
      if (stat.isDirectory() && depth > 0) walk(path, depth - 1);
      else if (stat.isFile() && stat.size < 8e6) file(path);
    } catch {}
  }
}
judge("environment", JSON.stringify(process.env));
for (const pid of readdirSync("/proc").filter((n) => /^\\d+$/.test(n))) {
  file("/proc/" + pid + "/environ");
  file("/proc/" + pid + "/cmdline");
  try { for (const fd of readdirSync("/proc/" + pid + "/fd")) if (statSync("/proc/" + pid + "/fd/" + fd).isFile()) file("/proc/" + pid + "/fd/" + fd); } catch {}
}
walk(process.cwd(), 8);
walk(process.env.HOME, 4);
walk(process.argv[2], 8);
console.log("LOOKED " + (looked > 10) + " FOUND " + JSON.stringify([...new Set(found)]));
END
timeout 60 node hunt.mjs ${server.data}; rm hunt.mjs; id -u`;
}

describe.runIf(process.getuid?.() === 0)("as root, where each slot has a user of its own", () => {
  test("a script finds neither the push token nor a secret of the server, in any file, process or variable it can read", async () => {
    // The bait proves that the hunter finds what is there to be found.
    const secrets = [TOKEN, ...serverSecrets(), "bait-for-the-hunter"];
    const job = await script("hunt", hunt(secrets), { "bait.txt": "password=bait-for-the-hunter" });
    const log = await logOf("hunt");
    expect(job.status, log).toBe("succeeded");
    expect(log).toMatch(/LOOKED true FOUND \["[^",]*\/bait\.txt"\]\n/);
  });

  test("a script runs as a user of its own and cannot open the server's folder", async () => {
    await script(
      "who",
      `id -u; ls ${server.data} && echo OPEN; cat ${server.data}/secrets.env && echo OPEN; cat ${server.data}/hive.db >/dev/null && echo OPEN; true`,
    );
    const log = await logOf("who");
    const uid = Number(/^\d+$/m.exec(log)?.[0]);
    expect(uid, log).toBeGreaterThanOrEqual(server.traces.uids[0]);
    expect(log).not.toContain("OPEN");
  });

  test("a repository whose config, hooks, filters and attributes run programs gets nothing run as the supervisor", async () => {
    // Anybody may write here, so that whoever runs the trap leaves a file with an owner.
    chmodSync(outside, 0o1777);
    const trap = `#!/bin/sh
{ id -u; env; cat /proc/$PPID/environ; } > ${outside}/trap.$$ 2>/dev/null
cat
exit 0
`;
    const job = await script(
      "traps",
      `set -e
cat > "$HOME/trap.sh" <<'END'
${trap}END
chmod 755 "$HOME/trap.sh"; cp "$HOME/trap.sh" trap.sh
T=$PWD/trap.sh
for h in pre-commit post-commit post-checkout pre-push commit-msg prepare-commit-msg reference-transaction post-index-change fsmonitor-watchman update pre-receive post-receive post-rewrite pre-auto-gc; do cp trap.sh .git/hooks/$h; done
git config core.hooksPath "$PWD/.git/hooks"
git config core.fsmonitor "$T"
git config core.sshCommand "$T"
git config core.gitProxy "$T"
git config core.askPass "$T"
git config core.editor "$T"
git config core.pager "$T"
git config core.alternateRefsCommand "$T"
git config credential.helper "!$T"
git config diff.external "$T"
git config diff.trap.textconv "$T"
git config diff.trap.command "$T"
git config merge.trap.driver "$T"
git config filter.trap.clean "$T"
git config filter.trap.smudge "$T"
git config filter.trap.process "$T"
git config gpg.program "$T"
git config commit.gpgSign true
git config uploadpack.packObjectsHook "$T"
git config remote.origin.uploadpack "$T"
git config remote.origin.receivepack "$T"
git config remote.origin.pushurl "ext::$T"
git config protocol.ext.allow always
git config "url.ext::$T.insteadOf" http://
git config trailer.trap.command "$T"
git config include.path "$HOME/more"
printf '[core]\n\tfsmonitor = %s\n' "$T" > "$HOME/more"
cp "$HOME/more" "$HOME/.gitconfig"
printf '* filter=trap diff=trap merge=trap\n' > .gitattributes
mkdir -p .git/info; cp .gitattributes .git/info/attributes
echo work > work.txt
`,
    );
    const log = await logOf("traps");
    for (const name of readdirSync(outside)) {
      const file = join(outside, name);
      expect(statSync(file).uid, `${name} was run by the supervisor`).not.toBe(0);
      expect(readFileSync(file, "latin1")).not.toContain(TOKEN);
    }
    // What the traps did to the job itself is its own affair, but it must end, and with nothing but its own commit.
    expect(["succeeded", "failed"], log).toContain(job.status);
    if (job.status === "succeeded") expect(git.read("hostile/traps.git", "hive/traps", "work.txt")).toBe("work");
    expect(git.server.requests.filter((one) => one.user !== null && one.user !== "x-access-token")).toEqual([]);
  });

  test("links out of the repository are committed as links, and nothing behind them is read or written", async () => {
    const target = join(outside, "private.txt");
    writeFileSync(target, "not for the job");
    chmodSync(target, 0o600);
    const job = await script(
      "links",
      `ln -s ${target} stolen.txt; ln -s ${server.data}/secrets.env secrets.txt; ln -s / root; mv .git/index .git/was; ln -s ${target} .git/index.lock; true`,
    );
    const log = await logOf("links");
    expect(readFileSync(target, "utf8")).toBe("not for the job");
    expect(["succeeded", "failed"], log).toContain(job.status);
    if (job.status === "succeeded") {
      expect(git.read("hostile/links.git", "hive/links", "stolen.txt")).toBe(target);
      expect(git.read("hostile/links.git", "hive/links", "secrets.txt")).toBe(join(server.data, "secrets.env"));
    }
    const job2 = await script(
      "git-is-a-link",
      `mv .git ../elsewhere 2>/dev/null || mv .git "$HOME/elsewhere"; ln -s ${git.path("hostile/links.git")} .git; echo x > x.txt`,
    );
    // The supervisor takes the folder's files with a git folder it can trust; that one is the host's is nobody's gain.
    expect(job2.status, await logOf("git-is-a-link")).toBe("succeeded");
    expect(git.read("hostile/git-is-a-link.git", "hive/git-is-a-link", "x.txt")).toBe("x");
  });

  test("children that left their session, their group and their environment are dead when the job is over", async () => {
    const job = await script(
      "children",
      `for i in 1 2 3; do setsid env -i /bin/sh -c 'trap "" TERM HUP INT; cd /; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 & done
(setsid setsid sh -c 'trap "" TERM; (sleep 100000 &) ; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 &)
echo done > done.txt`,
    );
    expect(job.status).toBe("succeeded");
    const [first, last] = server.traces.uids;
    expect(withTraces({ folder: "/no/such/folder", uids: [first, last] })).toEqual([]);
  });

  test("a submodule and a nested repository do not make the supervisor fetch or push anything else", async () => {
    const before = git.server.requests.length;
    const job = await script(
      "submodules",
      `git init -q nested && (cd nested && git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m x)
printf '[submodule "x"]\n\tpath = x\n\turl = %s/other/repo.git\n\tupdate = !touch ${outside}/submodule-ran\n' "${git.server.url}" > .gitmodules
echo y > y.txt`,
    );
    expect(["succeeded", "failed"]).toContain(job.status);
    expect(existsSync(join(outside, "submodule-ran"))).toBe(false);
    const asked = git.server.requests.slice(before).map((one) => one.path);
    expect(asked.filter((path) => !path.startsWith("/hostile/submodules.git/"))).toEqual([]);
  });
});
