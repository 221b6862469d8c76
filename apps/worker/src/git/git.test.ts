import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { lendCredential } from "./credential.ts";
import { classify } from "./failure.ts";
import { gitEnvironment } from "./git.ts";
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
import { listRemote, probePush } from "./remote.ts";

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

function asking(repo: string, credential = world.credential) {
  return { address: world.address(repo), credential };
}

/** Every process of this machine whose arguments or environment hold the token right now. */
function whoShowsTheToken(): string[] {
  const needles = [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString("base64")];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) =>
      ["cmdline", "environ"].map((file) => {
        try {
          return `${pid} ${file} ${readFileSync(`/proc/${pid}/${file}`, "latin1")}`;
        } catch {
          return "";
        }
      }),
    )
    .filter((text) => needles.some((needle) => text.includes(needle)));
}

describe("a credential", () => {
  it.skipIf(process.platform !== "linux")("is in no process's arguments or environment while git uses it", async () => {
    const repo = await world.makeRepo("seen.git");
    const seen: string[][] = [];
    world.server.intercept = (request) => {
      if (request.authorization !== null) seen.push(whoShowsTheToken());
      return null;
    };
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    expect(await publish(publishOptions(world, workspace))).toMatchObject({ end: "published" });
    expect(seen.length).toBeGreaterThan(6);
    expect(seen.flat()).toEqual([]);
  });

  it("is not shown to a server the first one redirects to", async () => {
    const repo = await world.makeRepo("redirected.git");
    const saw: (string | undefined)[] = [];
    const evil = createServer((request, answer) => {
      saw.push(request.headers.authorization);
      answer.writeHead(401, { "www-authenticate": 'Basic realm="me too"' }).end();
    });
    await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = evil.address() as AddressInfo;
      const front = createServer((request, answer) => {
        answer.writeHead(302, { location: `http://127.0.0.1:${port}${request.url ?? ""}` }).end();
      });
      await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
      try {
        const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/${repo}`;
        const address = { ...world.address(repo), url, host: new URL(url).host };
        expect(await listRemote(world.git, { address, credential: world.credential })).toMatchObject({ ok: false });
      } finally {
        front.close();
      }
      expect(saw.length).toBeGreaterThan(0);
      expect(saw.filter((header) => header !== undefined)).toEqual([]);
    } finally {
      evil.close();
    }
  });

  it("is taken out of what a remote prints", async () => {
    const repo = await world.makeRepo("prints.git");
    writeFileSync(
      join(world.folder, "served", repo, "hooks", "pre-receive"),
      `#!/bin/sh\necho "your token is ${TOKEN}" >&2\nexit 1\n`,
      { mode: 0o755 },
    );
    const workspace = await openWorkspace(world, repo);
    writeFiles(workspace.repo, { "a.txt": "a\n" });
    const outcome = await publish(publishOptions(world, workspace));
    expect(outcome.end === "failed" ? outcome.error.message : "").toContain("your token is ***");
  });

  it("may not hold a line break, which would answer git's next question too", async () => {
    const credential = { username: "u", password: "p\nhost=evil.example" };
    await expect(lendCredential(credential, world.address("x"), world.folder, "/usr/bin:/bin")).rejects.toThrow(
      "line break",
    );
  });

  it("leaves nothing behind when the command ends", () => {
    expect(readdirSync(join(world.folder, "private"))).toEqual([]);
  });
});

describe("git", () => {
  it("connects only where the call says, whatever an address looks like", async () => {
    const folder = world.newFolder("closed");
    plainGit(folder, "init", "-q", "--bare", ".");
    for (const url of [
      "ext::sh -c 'touch pwned'",
      `file://${folder}`,
      folder,
      world.server.url,
      "ssh://127.0.0.1/x",
      "git://127.0.0.1/x",
    ]) {
      const asked = await world.git.run(["ls-remote", "--", url], { cwd: folder });
      expect([url, asked.ok]).toEqual([url, false]);
      expect(asked.stderr).toMatch(/not allowed/);
    }
    expect(readdirSync(folder)).not.toContain("pwned");
  });

  it("takes an address that looks like an option for an address", async () => {
    const folder = world.newFolder("option");
    const asked = await world.git.run(["ls-remote", "--", `--upload-pack=touch ${folder}/pwned`, "."], {
      cwd: folder,
      protocols: ["file"],
    });
    expect(asked.ok).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("sees nothing of the supervisor's own environment and settings", async () => {
    const folder = world.newFolder("env");
    const shown = await world.git.script("env; git config --list --show-scope", [], { cwd: folder });
    if (!shown.ok) throw new Error(shown.message);
    expect(shown.stdout).not.toMatch(/^(?:VITEST|NODE_|npm_|SSH_|GITHUB_|ANTHROPIC_)/m);
    expect(shown.stdout).toContain("command\tcore.hookspath=/dev/null");
    expect(shown.stdout).not.toMatch(/^(?:system|global)\t/m);
  });

  it("gives a proxy's token to the supervisor's own git alone, and takes it out of what git prints", async () => {
    const folder = world.newFolder("proxied");
    const proxy = "http://hive:proxy-canary@127.0.0.1:9";
    const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, home: folder };
    expect(gitEnvironment(world.git.machine, { cwd: folder, proxy }, null)).toMatchObject({
      https_proxy: proxy,
      http_proxy: proxy,
      GIT_HTTP_PROXY_AUTHMETHOD: "basic",
    });
    expect(JSON.stringify(gitEnvironment(world.git.machine, { cwd: folder, proxy, user: own }, null))).not.toContain(
      "canary",
    );
    const printed = await world.git.script('echo "fatal: $https_proxy" >&2; exit 3', [], { cwd: folder, proxy });
    expect(printed.stderr).toContain("http://hive:***@127.0.0.1:9");
    expect(JSON.stringify(printed)).not.toContain("canary");
  });

  it("ends as a value when it takes too long, says too much, is stopped or is not there", async () => {
    const folder = world.newFolder("ends");
    const script = (text: string, extra = {}) => world.git.script(text, [], { cwd: folder, ...extra });
    expect(await script("sleep 30", { timeoutMs: 50 })).toMatchObject({ ok: false, code: "git_timeout" });
    expect(await script("yes", { maxOutputBytes: 1000 })).toMatchObject({ ok: false, code: "work_too_large" });
    expect(await script("sleep 30", { signal: AbortSignal.abort() })).toMatchObject({ ok: false, code: "aborted" });
    expect(await world.git.run(["--version"], { cwd: join(folder, "missing") })).toMatchObject({
      ok: false,
      code: "git_failed",
    });
  });
});

describe("a push probe", () => {
  it("knows who may push, and pushes nothing", async () => {
    const repo = await world.makeRepo("probe.git");
    expect(await probePush(world.git, asking(repo))).toEqual({ ok: true });
    expect(await probePush(world.git, asking(repo, { username: "reader", password: "reads-only" }))).toMatchObject({
      code: "token_refused",
    });
    expect(await probePush(world.git, { address: world.address(repo), credential: null })).toMatchObject({
      code: "token_needed",
    });
    expect(plainGit(join(world.folder, "served", repo), "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
  });
});

describe("what git says", () => {
  const url = "https://github.com/acme/app";
  it.each([
    [
      "remote: Repository not found.\nfatal: repository 'https://github.com/acme/app/' not found",
      true,
      "repo_not_found",
    ],
    ["fatal: could not read Username for 'https://github.com': terminal prompts disabled", false, "token_needed"],
    [
      "remote: Invalid username or token. Password authentication is not supported for Git operations.\nfatal: Authentication failed for 'https://github.com/acme/app/'",
      true,
      "token_refused",
    ],
    [
      "remote: Permission to acme/app.git denied to octocat.\nfatal: unable to access 'https://github.com/acme/app/': The requested URL returned error: 403",
      true,
      "token_refused",
    ],
    ["fatal: unable to access 'https://x/': Could not resolve host: x", true, "network"],
    [
      "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF",
      true,
      "network",
    ],
    [
      "fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none CRLfile: none",
      true,
      "network",
    ],
    ["fatal: unable to access 'https://x/': Received HTTP code 403 from proxy after CONNECT", true, "network"],
    ["fatal: unable to access 'https://x/': CONNECT tunnel failed, response 403", true, "network"],
    ["fatal: write error: No space left on device\nfatal: index-pack failed", true, "disk_full"],
    [
      "error: object file ./objects/12/34 is empty\nfatal: loose object 1234 (stored in x) is corrupt",
      true,
      "mirror_corrupt",
    ],
    ["something nobody has seen", true, "git_failed"],
  ])("%s", (stderr, hadCredential, code) => {
    expect(classify(stderr, { url, hadCredential }).code).toBe(code);
  });

  it("is shown in one printable line", () => {
    const { message } = classify("\u001b[31mfatal: odd\u0007\r\nremote: \u001b]0;title\n", {
      url,
      hadCredential: false,
    });
    expect(message).not.toMatch(/\p{Cc}/u);
  });
});

it("the version of git here is one that keeps upload-pack from fetching for a stranger", () => {
  const [major = 0, minor = 0] =
    /(\d+)\.(\d+)/
      .exec(execFileSync("git", ["--version"], { encoding: "utf8" }))
      ?.slice(1)
      .map(Number) ?? [];
  expect(major * 100 + minor).toBeGreaterThanOrEqual(239);
});
