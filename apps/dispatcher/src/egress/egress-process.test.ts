/** The way out as a program of its own, before a real dispatcher with real leases. */
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { CERTIFICATE, KEY } from "../guard/certificate.fixture.ts";
import { type Attempt, beginJob, failedFinish } from "../http/attempts.fixture.ts";
import { GATEWAY, OWNER, startServer, type TestServer } from "../http/server.fixture.ts";
import { keepEgress, type KeptEgress } from "./egress-process.ts";
import { ask, basic, closed, get, openTunnel, secure } from "./socket-client.fixture.ts";

const cleanups: (() => unknown)[] = [];
let world: TestServer;
let egress: KeptEgress;
let folder: string;
/** A web server outside, over TLS. */
let outside: number;
const troubles: string[] = [];

async function listen(server: http.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

beforeEach(async () => {
  outside = await listen(
    https.createServer({ cert: CERTIFICATE, key: KEY }, (request, response) => {
      response.end(`outside saw ${request.url} ${request.headers["proxy-authorization"] ?? "nothing"}`);
    }),
  );
  const gateway = await listen(http.createServer((request, response) => response.end(`gateway saw ${request.url}`)));
  world = await startServer({ change: (parts) => ({ ...parts, egress: [`localhost:${outside}`] }) });
  cleanups.push(() => world.close());
  folder = await mkdtemp(join(tmpdir(), "hive-egress-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  egress = await keepEgress({
    settings: {
      dispatcherUrl: world.url,
      gatewayUrl: `http://127.0.0.1:${gateway}`,
      serverToken: GATEWAY,
      allowPrivate: ["127.0.0.0/8", "::1/128"],
      connections: 3,
      bytes: 1_000_000,
      log: "off",
    },
    folder,
    clock: systemClock,
    onLine: () => undefined,
    onTrouble: (message) => troubles.push(message),
  });
  cleanups.push(() => egress.stop());
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function eventsOf({ jobId }: Attempt): Promise<readonly { type: string; data: object }[]> {
  const response = await world.send("GET", `/v1/jobs/${jobId}/events`);
  return ((await response.json()) as { events: { type: string; data: object }[] }).events;
}

async function blockedOf(attempt: Attempt): Promise<readonly object[]> {
  return (await eventsOf(attempt)).filter(({ type }) => type === "job.egress_blocked").map(({ data }) => data);
}

test("every user may open the socket, and through it are workers, models and the proxy, and nothing of the owner's", async () => {
  expect((await stat(egress.socket)).mode & 0o777).toBe(0o666);
  const { lease, worker } = await beginJob(world);
  const heartbeat = {
    method: "POST",
    headers: { authorization: `Bearer ${lease.token}`, "content-type": "application/json" },
    body: "{}",
  };
  expect((await ask(egress.socket, "/v1/worker/heartbeat", heartbeat)).status).toBe(200);
  expect((await ask(egress.socket, "/v1/worker/heartbeat", { method: "POST" })).status).toBe(401);
  expect((await ask(egress.socket, "/llm/anthropic/v1/messages")).body).toBe("gateway saw /llm/anthropic/v1/messages");
  for (const path of [
    "/v1/jobs",
    "/v1/workers",
    "/v1/worker",
    "/enqueue",
    "/health",
    "/metrics",
    "/",
    "/v1/egress/open",
    "/v1/gateway/verify",
    "/v1/worker/../jobs",
    "/v1/worker/%2e%2e/jobs",
    "/v1/worker/..%2fjobs",
    "/v1/worker//jobs",
    "/V1/WORKER/heartbeat",
  ]) {
    for (const token of [OWNER, GATEWAY, worker]) {
      const answer = await ask(egress.socket, path, { headers: { authorization: `Bearer ${token}` } });
      expect([path, answer.status, JSON.parse(answer.body)]).toMatchObject([path, 404, { code: "not_found" }]);
    }
  }
});

test("an agent reaches what its list names, over TLS it checks itself, and nobody outside sees the token", async () => {
  const { lease } = await beginJob(world);
  const tunnel = await openTunnel(egress.socket, `localhost:${outside}`, lease.egressToken);
  if (!tunnel.ok) throw new Error(tunnel.answer.body);
  const answer = await get(await secure(tunnel.socket, "localhost", CERTIFICATE), "/path");
  expect(answer.body).toBe("outside saw /path nothing");
});

test("a host that is not on the list is refused with the setting that would allow it, and an event of the job", async () => {
  const attempt = await beginJob(world);
  const refused = await openTunnel(egress.socket, "Evil.Example.:443", attempt.lease.egressToken);
  expect(refused).toMatchObject({ ok: false, answer: { status: 403 } });
  const problem: unknown = refused.ok ? null : JSON.parse(refused.answer.body);
  expect(problem).toMatchObject({
    code: "egress_blocked",
    reason: "not_allowed",
    detail: expect.stringContaining('add "evil.example" to HIVE_EGRESS'),
  });
  expect(await blockedOf(attempt)).toMatchObject([
    { host: "evil.example", port: 443, reason: "not_allowed", fence: 1 },
  ]);
});

test("without a token, with a foreign one, or one for something else, the proxy asks for one and opens nothing", async () => {
  const { lease, worker } = await beginJob(world);
  for (const token of [null, "guessed", lease.llmToken, worker, OWNER, GATEWAY]) {
    const refused = await openTunnel(egress.socket, `localhost:${outside}`, token);
    expect(refused).toMatchObject({ ok: false, answer: { status: 407 } });
  }
});

test("the supervisor's token reaches the git host of its job and nothing of the agent's list", async () => {
  const attempt = await beginJob(world, { repo: `https://secure.example:${outside}/acme/app` });
  const refused = await openTunnel(egress.socket, `localhost:${outside}`, attempt.lease.token);
  expect(refused).toMatchObject({ ok: false, answer: { status: 403 } });
  // It may, but there is no such name.
  const own = await openTunnel(egress.socket, `secure.example:${outside}`, attempt.lease.token);
  expect(own).toMatchObject({ ok: false, answer: { status: 502 } });
  expect(await blockedOf(attempt)).toMatchObject([{ host: "localhost", reason: "not_git_host" }]);
});

test("when a lease ends its open connections are cut, and no new one is opened", async () => {
  const { lease } = await beginJob(world);
  const tunnel = await openTunnel(egress.socket, `localhost:${outside}`, lease.egressToken);
  if (!tunnel.ok) throw new Error(tunnel.answer.body);
  const cut = closed(tunnel.socket);
  const ended = await world.send("POST", "/v1/worker/finish", { token: lease.token, json: failedFinish(null) });
  expect(ended.status).toBe(200);
  await cut;
  const late = await openTunnel(egress.socket, `localhost:${outside}`, lease.egressToken);
  expect(late).toMatchObject({ ok: false, answer: { status: 409 } });
});

test("a killed process is there again, on the same socket", async () => {
  const { lease } = await beginJob(world);
  process.kill(egress.pid, "SIGKILL");
  await expect
    .poll(async () => (await ask(egress.socket, "/llm/x").catch(() => null))?.status, { timeout: 20_000 })
    .toBe(200);
  const tunnel = await openTunnel(egress.socket, `localhost:${outside}`, lease.egressToken);
  expect(tunnel.ok).toBe(true);
  if (tunnel.ok) tunnel.socket.destroy();
  expect(troubles).toEqual([expect.stringMatching(/^the way out ended \(SIGKILL\); it is started again/)]);
});

test("after a stop the socket is gone, and open connections too", async () => {
  const { lease } = await beginJob(world);
  const tunnel = await openTunnel(egress.socket, `localhost:${outside}`, lease.egressToken);
  if (!tunnel.ok) throw new Error(tunnel.answer.body);
  const cut = closed(tunnel.socket);
  await egress.stop();
  await cut;
  await expect(stat(egress.socket)).rejects.toMatchObject({ code: "ENOENT" });
});

test("plain requests through the proxy go to the place itself, without the token", async () => {
  const seen: http.IncomingHttpHeaders[] = [];
  const plain = await listen(
    http.createServer((request, response) => {
      seen.push(request.headers);
      response.end(`${request.method} ${request.url}`);
    }),
  );
  const { lease } = await beginJob(world, { egress: [`localhost:${outside}`] });
  const call = { headers: { "proxy-authorization": basic(lease.egressToken), host: "elsewhere.example" } };
  expect((await ask(egress.socket, `http://localhost:${plain}/a?b`, call)).status).toBe(403);
  const own = await beginJob(world, { repo: "https://github.com/acme/app" });
  expect(
    (
      await ask(egress.socket, `http://localhost:${plain}/a?b`, {
        headers: { "proxy-authorization": basic(own.lease.token) },
      })
    ).status,
  ).toBe(403);
  expect(seen).toEqual([]);
});
