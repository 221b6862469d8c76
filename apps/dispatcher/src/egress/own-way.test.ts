/** The server's own way out, used by git as the mirror keeper uses it. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type GitHttpServer, startGitHttpServer } from "../../../../test/peers/git-http-server.ts";
import { systemClock } from "../clock.ts";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { guardedConnect } from "../guard/connect.ts";
import { createGuard } from "../guard/guard.ts";
import { type OwnWay, openOwnWay } from "./own-way.ts";
import { basic, textOf } from "./socket-client.fixture.ts";

const TOKEN = "own-way-token-for-tests-0123456789";
const run = promisify(execFile);
const said: string[] = [];
let folder: string;
let git: GitHttpServer;
let own: OwnWay;

/** A way out that lets private networks through, or not. */
function open(allowPrivate: readonly string[]): Promise<OwnWay> {
  const guard = createGuard({ allowPrivate });
  const log = { info: () => undefined, warn: (_fields: object, message: string) => void said.push(message) };
  const reach = (target: { host: string; port: number }, signal: AbortSignal) => guardedConnect(guard, target, signal);
  return openOwnWay({ token: TOKEN, reach, clock: systemClock, log });
}

function lsRemote(way: OwnWay, url: string, token = TOKEN): Promise<string> {
  const proxy = `http://hive:${token}@127.0.0.1:${way.port}`;
  const env = {
    PATH: process.env["PATH"],
    http_proxy: proxy,
    https_proxy: proxy,
    GIT_HTTP_PROXY_AUTHMETHOD: "basic",
    GIT_TERMINAL_PROMPT: "0",
  };
  return run("git", ["ls-remote", "--", url], { env, cwd: folder }).then(
    ({ stdout }) => stdout,
    (error: unknown) => String((error as { readonly stderr?: string }).stderr),
  );
}

/** A CONNECT by hand; the status, and the connection. */
async function tunnel(way: OwnWay, target: string, token: string): Promise<{ status: number; socket: Socket }> {
  const request = http.request({
    port: way.port,
    method: "CONNECT",
    path: target,
    agent: false,
    headers: { "proxy-authorization": basic(token) },
  });
  request.end();
  const [response, socket] = (await once(request, "connect")) as [http.IncomingMessage, Socket];
  return { status: response.statusCode ?? 0, socket };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "hive-own-way-"));
  mkdirSync(join(folder, "served"));
  await run("git", ["init", "-q", "--bare", join(folder, "served", "app.git")]);
  git = await startGitHttpServer({ dir: join(folder, "served") });
  own = await open(["127.0.0.0/8", "::1/128"]);
});
afterEach(async () => {
  own.stop();
  await git.stop();
  rmSync(folder, { recursive: true, force: true });
  said.length = 0;
});

test("git reaches a host through it, by name", async () => {
  const { port } = new URL(git.url);
  expect(await lsRemote(own, `http://localhost:${port}/app.git`)).toBe("");
  expect(git.requests.map(({ path }) => path)).toContain("/app.git/info/refs?service=git-upload-pack");
  expect(JSON.stringify(git.requests)).not.toContain(TOKEN);
});

test("a name that leads into a private network is refused when the connection is made, and the log says why", async () => {
  const closed = await open([]);
  const { port } = new URL(git.url);
  expect(await lsRemote(closed, `http://localhost:${port}/app.git`)).toContain("403");
  const { status, socket } = await tunnel(closed, `localhost:${port}`, TOKEN);
  expect(status).toBe(403);
  socket.destroy();
  expect(git.requests).toEqual([]);
  expect(said.join()).toMatch(/a repository was not fetched: .*private/);
  closed.stop();
});

test("TLS passes through untouched, and ends with it", async () => {
  const server = https.createServer({ cert: CERTIFICATE, key: KEY }, (_request, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { status, socket } = await tunnel(own, `localhost:${(server.address() as AddressInfo).port}`, TOKEN);
  expect(status).toBe(200);
  const tls = connectTls({ socket, servername: "localhost", ca: CERTIFICATE });
  await once(tls, "secureConnect");
  tls.write("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  expect(await textOf(tls)).toContain("hello");
  const { socket: other } = await tunnel(own, `localhost:${(server.address() as AddressInfo).port}`, TOKEN);
  const ended = once(other, "close");
  own.stop();
  await ended;
  server.close();
});

test("nobody else may use it, and it serves nothing itself", async () => {
  const { port } = new URL(git.url);
  expect(await lsRemote(own, `http://localhost:${port}/app.git`, "some-other-token-0123456789")).toContain("407");
  const { status, socket } = await tunnel(own, `localhost:${port}`, "some-other-token-0123456789");
  expect(status).toBe(407);
  socket.destroy();
  const plain = connect(own.port, "127.0.0.1");
  plain.write("GET /v1/jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  expect(await textOf(plain)).toMatch(/^HTTP\/1.1 404 /);
  expect(git.requests).toEqual([]);
});
