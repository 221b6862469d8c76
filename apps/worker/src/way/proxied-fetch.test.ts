import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type GitHubApi, startGitHubApi } from "../../../../test/peers/github/github-api.ts";
import { openPullRequest } from "../github/pull-request.ts";
import { work } from "../github/work-description.fixture.ts";
import { type LocalRelay, startLocalRelay } from "./local-relay.ts";
import { createProxiedFetch } from "./proxied-fetch.ts";
import { wayBySocket } from "./relay-ways.ts";
import { type SocketServer, startSocketServer } from "./socket-server.fixture.ts";

const TOKEN = "github_pat_full0canary";
const LEASE = "lease-token-canary";
const LOGIN = `Basic ${Buffer.from(`hive:${LEASE}`).toString("base64")}`;

let folder = "";
let api: GitHubApi;
let server: SocketServer;
let relay: LocalRelay;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-proxied-"));
  api = await startGitHubApi({ tokens: { [TOKEN]: {} }, repositories: { "acme/app": { branches: ["hive/one"] } } });
  server = await startSocketServer(join(folder, "server.sock"), null);
  relay = await startLocalRelay({ ways: [wayBySocket(server.path)] });
});
beforeEach(() => {
  server.proxied.length = 0;
});
afterAll(async () => {
  await relay.close();
  await server.leave();
  await api.stop();
  await rm(folder, { recursive: true });
});

const open = (apiUrl: string, fetch: typeof globalThis.fetch) =>
  openPullRequest({
    target: { apiUrl, token: TOKEN, owner: "acme", repo: "app", fetch },
    head: "hive/one",
    base: "main",
    work,
    draft: true,
  });

test("GitHub's API is called through the proxy, each call with the lease's token", async () => {
  const out = createProxiedFetch(relay.proxyFor(LEASE));
  expect(await open(api.url, out.fetch)).toMatchObject({ ok: true, created: true });
  expect(server.proxied.map(({ method, target }) => [method, new URL(target).pathname])).toEqual([
    ["GET", "/repos/acme/app/pulls"],
    ["POST", "/repos/acme/app/pulls"],
  ]);
  expect(new Set(server.proxied.map(({ authorization }) => authorization))).toEqual(new Set([LOGIN]));
  await out.close();
});

test("https goes through a tunnel; its refusal is a failure to be tried again that repeats no token", async () => {
  const out = createProxiedFetch(relay.proxyFor(LEASE));
  const failed = await open("https://api.github.example", out.fetch);
  expect(failed).toMatchObject({ ok: false, code: "github_failed", kind: "system" });
  expect(JSON.stringify(failed)).not.toContain("canary");
  expect(server.proxied).toEqual([{ method: "CONNECT", target: "api.github.example:443", authorization: LOGIN }]);
  await out.close();
});

test("without a proxy calls go straight on", async () => {
  const out = createProxiedFetch(null);
  expect(await open(api.url, out.fetch)).toMatchObject({ ok: true });
  expect(server.proxied).toEqual([]);
  await out.close();
});
