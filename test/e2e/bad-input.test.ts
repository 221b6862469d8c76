/** Whatever comes in gets a clear answer at once, and the server goes on as if nothing had been. */
import { connect } from "node:net";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

let git: GitHost;
let server: HiveProcess;
let repo: string;

beforeAll(async () => {
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  server = await startHive({ env: { HIVE_AGENT: "demo", HIVE_WORKERS: "1" } });
});
afterAll(async () => {
  // After all of this it still works.
  const job = await server?.run({ repo, task: "script", script: "echo fine > fine.txt" });
  await server?.dispose();
  await git?.stop();
  expect(job).toMatchObject({ status: "succeeded" });
});

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

async function send(body: string | object, path = "/enqueue"): Promise<Problem> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const reply = await server.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: text,
  });
  const answer = await reply.text();
  const parsed = JSON.parse(answer) as { code?: string };
  if (reply.status >= 400) expect(reply.headers.get("content-type")).toContain("application/problem+json");
  return { status: reply.status, code: parsed.code ?? "", text: answer };
}

const good = () => ({ repo, task: "script", script: "true" });

test.for([
  ["malformed JSON", '{"repo":', 400, "bad_request"],
  ["no JSON at all", "\u0000\u0001", 400, "bad_request"],
  ["a million levels", "[".repeat(500_000), 400, "bad_request"],
  ["two mebibytes", `{"repo":"${"x".repeat(2_097_152)}"}`, 413, "body_too_large"],
  ["a list", "[]", 422, "invalid_field"],
  ["nothing", "{}", 422, "invalid_field"],
  ["a prototype", '{"__proto__":{"task":"script"},"repo":"https://github.com/a/b"}', 422, "invalid_field"],
] as const)("a body of %s", async ([, body, status, code]) => {
  expect(await send(body)).toMatchObject({ status, code });
});

test.for([
  [{ repo: "--upload-pack=touch x" }, "repo"],
  [{ repo: "ext::sh -c true" }, "repo"],
  [{ repo: "file:///etc" }, "repo"],
  [{ repo: "/etc" }, "repo"],
  [{ repo: "https://user:secret@github.com/a/b" }, "repo"],
  [{ repo: "http://169.254.169.254/latest/meta-data" }, "repo"],
  [{ repo: "https://10.0.0.1/a/b" }, "repo"],
  [{ branch: "-x" }, "branch"],
  [{ branch: "../../x" }, "branch"],
  [{ branch: "refs/heads/../x" }, "branch"],
  [{ base: "a..b" }, "base"],
  [{ base: "--exec=x" }, "base"],
  [{ task: "destroy" }, "task"],
  [{ priority: 10 }, "priority"],
  [{ priority: "1" }, "priority"],
  [{ timeoutMs: 1 }, "timeoutMs"],
  [{ runAt: "9999-01-01T00:00:00Z" }, "runAt"],
  [{ runAt: "tomorrow" }, "runAt"],
  [{ labels: Array.from({ length: 17 }, (_, n) => `l${n}`) }, "labels"],
  [{ jobId: "../x" }, "jobId"],
  [{ callbackUrl: "http://user:pw@example.com/" }, "callbackUrl"],
  [{ callbackUrl: "http://10.1.2.3/hook" }, "callbackUrl"],
  [{ callbackUrl: "ftp://example.com" }, "callbackUrl"],
  [{ agent: "nobody" }, "agent"],
  [{ unknownField: 1 }, "unknownField"],
  [{ githubToken: "two\nlines" }, "githubToken"],
] as const)("a job with %j is refused, naming the field", async ([change, field]) => {
  const answer = await send({ ...good(), ...change });
  expect(answer, answer.text).toMatchObject({ status: 422 });
  expect(answer.text).toContain(field);
  expect(answer.text).not.toMatch(/secret@|user:pw|two\\nlines/);
});

test("runAt in the past means at once", async () => {
  const { status, text } = await send({ ...good(), jobId: "past", runAt: "2020-01-01T00:00:00Z" });
  expect(status, text).toBe(202);
  expect(await server.over("past")).toMatchObject({ status: "succeeded" });
});

test.for([
  ["/v1/jobs/%00"],
  ["/v1/jobs/..%2f..%2fetc"],
  ["/v1/jobs/x/artifacts/1/..%2f..%2fsecrets.env"],
  ["/v1/nothing"],
])("GET %s harms nothing", async ([path]) => {
  const reply = await server.fetch(path ?? "");
  expect([400, 404, 422]).toContain(reply.status);
  expect(await reply.text()).not.toContain("CALLBACK_SECRET");
});

test("without a token nothing but the open pages answers", async () => {
  for (const path of ["/v1/jobs", "/v1/events", "/v1/workers", "/v1/callbacks", "/v1/stats", "/metrics"]) {
    expect((await fetch(server.url + path)).status, path).toBe(401);
  }
  for (const path of ["/health", "/health/ready", "/openapi.json", "/docs"]) {
    expect((await fetch(server.url + path)).status, path).toBe(200);
  }
});

test("a client that never ends its headers is cut", async () => {
  const socket = connect(server.port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  socket.write("GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  // It must not wait for more.
  socket.resume();
  await closed;
});

test("a callback address that redirects to a private one is not followed", async () => {
  const secretAsked: string[] = [];
  const inside = createServer((request, response) => {
    secretAsked.push(request.url ?? "");
    response.end();
  });
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  const { port } = inside.address() as AddressInfo;
  const outside = createServer((_request, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${port}/inside` }).end();
  });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  try {
    const callbackUrl = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`;
    expect((await send({ ...good(), jobId: "redirected", callbackUrl })).status).toBe(202);
    await server.over("redirected");
    await until("a try of the callback", async () => {
      const reply = await server.fetch("/v1/callbacks?jobId=redirected");
      const { callbacks } = (await reply.json()) as { callbacks: { tries: number; state: string }[] };
      return callbacks.some((one) => one.tries > 0 && one.state !== "delivered");
    });
    expect(secretAsked).toEqual([]);
  } finally {
    inside.close();
    outside.close();
  }
});

test("a worker's endpoints refuse an owner's token, and an owner's refuse made-up lease tokens", async () => {
  const paths = [
    "/v1/worker/claim",
    "/v1/worker/heartbeat",
    "/v1/worker/secrets",
    "/v1/worker/finish",
    "/v1/worker/events",
  ];
  for (const path of paths) {
    const answer = await send({}, path);
    expect([401, 403], path).toContain(answer.status);
  }
  const forged = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"aud":"worker"}').toString("base64url")}.`;
  const reply = await fetch(`${server.url}/v1/worker/secrets`, {
    method: "POST",
    headers: { authorization: `Bearer ${forged}`, "content-type": "application/json" },
    body: "{}",
  });
  expect(reply.status).toBe(401);
});
