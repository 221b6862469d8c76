/**
 * The programs that jobs really use, through the proxy: Node, curl, git, npm. They speak TCP, so a pipe in front stands in
 * for the worker's relay.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { afterTest, ALLOWED, type Front, LEASE, listen, startFront } from "./front.fixture.ts";

interface Ran {
  readonly code: number;
  /** Both its outputs. */
  readonly said: string;
}

let folder: string;
let front: Front;
let outside: number;
let proxy: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-clients-"));
  await writeFile(join(folder, "ca.pem"), CERTIFICATE);
  await git("init", "--quiet", "--bare", "app.git");
  await writeFile(join(folder, "app.git", "info", "refs"), `${"1".repeat(40)}\trefs/heads/main\n`);
  outside = await listen(
    https.createServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
      const path = (request.url ?? "").replace(/\?.*$/, "");
      if (path === "/lefthand") {
        const dist = { tarball: `https://localhost:${outside}/lefthand.tgz` };
        const version = { name: "lefthand", version: "4.2.1", dist };
        response.end(
          JSON.stringify({ name: "lefthand", "dist-tags": { latest: "4.2.1" }, versions: { "4.2.1": version } }),
        );
        return;
      }
      readFile(join(folder, path)).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end("nothing here"),
      );
    }),
  );
  front = await startFront({
    answer: (_, { host, port }) =>
      host === "localhost" && port === outside
        ? ALLOWED
        : { allowed: false, ...LEASE, reason: "not_allowed", message: `not ${host}` },
  });
  const pipe = await listen(
    createServer({ allowHalfOpen: true }, (client) => {
      const through = connect({ path: front.socket, allowHalfOpen: true });
      through.on("error", () => client.destroy());
      client.once("close", () => through.destroy());
      client.pipe(through).pipe(client);
      afterTest(() => through.destroy());
    }),
  );
  proxy = `http://hive:token@127.0.0.1:${pipe}`;
});
afterEach(() => rm(folder, { recursive: true }));

function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const own = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    HTTPS_PROXY: proxy,
    HTTP_PROXY: proxy,
    https_proxy: proxy,
    http_proxy: proxy,
    NO_PROXY: "127.0.0.1",
  };
  return new Promise((settle) => {
    execFile(program, args, { env: { ...own, ...env }, cwd: folder, timeout: 25_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      settle({ code, said: stdout + stderr });
    });
  });
}

function git(...args: string[]): Promise<Ran> {
  const env = { GIT_SSL_CAINFO: join(folder, "ca.pem"), GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" };
  return run("git", args, env);
}

test("Node's own fetch", async () => {
  const fetching = (url: string) =>
    run(
      process.execPath,
      ["-e", `fetch(${JSON.stringify(url)}).then(async (r) => console.log(r.status, await r.text()))`],
      {
        NODE_USE_ENV_PROXY: "1",
        NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
      },
    );
  expect(await fetching(`https://localhost:${outside}/app.git/HEAD`)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^200 ref: refs\/heads\//),
  });
  const blocked = await fetching("https://evil.example/");
  expect(blocked.code).not.toBe(0);
  expect(blocked.said).toContain("403");
});

test.skipIf(spawnSync("curl", ["--version"]).error !== undefined)("curl", async () => {
  const curl = (url: string) => run("curl", ["--silent", "--show-error", "--cacert", "ca.pem", url]);
  expect((await curl(`https://localhost:${outside}/app.git/HEAD`)).said).toMatch(/^ref: refs\/heads\//);
  expect((await curl("https://evil.example/")).said).toMatch(/403/);
  expect((await curl("http://evil.example/")).said).toContain('"reason":"not_allowed"');
});

test("git, which asks without its token first", async () => {
  const remote = await git("ls-remote", `https://localhost:${outside}/app.git`);
  expect(remote).toEqual({ code: 0, said: `${"1".repeat(40)}\trefs/heads/main\n` });
  const blocked = await git("ls-remote", "https://evil.example/app.git");
  expect(blocked.code).not.toBe(0);
  expect(blocked.said).toContain("403");
});

test("npm", async () => {
  const npm = (registry: string) =>
    run("npm", ["view", "lefthand", "version", `--registry=${registry}`, "--cafile=ca.pem", "--fetch-retries=0"]);
  expect(await npm(`https://localhost:${outside}/`)).toMatchObject({ code: 0, said: expect.stringContaining("4.2.1") });
  const blocked = await npm("https://evil.example/");
  expect(blocked.code).not.toBe(0);
  expect(blocked.said).toContain("403");
});
