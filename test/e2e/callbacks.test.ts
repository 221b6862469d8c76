/** A backend that is down, refuses, or asks for an old callback again: it hears everything, in order, under the same ids. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GitHost, startGitHost } from "./git-host.ts";
import { freePort, type HiveProcess, startHive } from "./hive-process.ts";
import { until } from "./until.ts";

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
let git: GitHost;
let server: HiveProcess;
let port: number;
let repo: string;

beforeAll(async () => {
  git = await startGitHost();
  repo = git.makeRepo("app.git");
  port = await freePort();
  server = await startHive({
    env: { HIVE_AGENT: "demo", HIVE_WEBHOOK_SECRET: SECRET, HIVE_CALLBACK_URL: `http://127.0.0.1:${port}/hive` },
  });
});
afterAll(async () => {
  await server?.dispose();
  await git?.stop();
});

interface Heard {
  readonly id: string;
  readonly body: string;
  readonly type: string;
  readonly jobId: string;
}

/** A backend on the known port; answers what `decide` says. */
async function backend(decide: (heard: Heard) => number): Promise<{ heard: Heard[]; stop: () => Promise<void> }> {
  const heard: Heard[] = [];
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("utf8");
    });
    request.on("end", () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const callback = new Webhook(SECRET).verify(body, headers) as { type: string; data: { jobId: string } };
      const one = { id: headers["webhook-id"] ?? "", body, type: callback.type, jobId: callback.data.jobId };
      heard.push(one);
      response.writeHead(decide(one)).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  expect((http.address() as AddressInfo).port).toBe(port);
  return {
    heard,
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}

test("a backend that was down while the server was killed hears all of it in order", async () => {
  await server.hive.enqueue({ jobId: "unheard", repo, task: "script", script: "echo x > x.txt" });
  await until("a try that reached nobody", async () => {
    const reply = await server.fetch("/v1/callbacks?jobId=unheard");
    return ((await reply.json()) as { callbacks: { tries: number }[] }).callbacks.some((one) => one.tries > 0);
  });
  await server.crash();
  const { heard, stop } = await backend(() => 204);
  try {
    await server.start();
    expect(await server.over("unheard")).toMatchObject({ status: "succeeded" });
    await until("the last callback", () => heard.some((one) => one.type === "job.succeeded"));
    const types = heard.map((one) => one.type);
    expect(types[0]).toBe("job.queued");
    expect(types.indexOf("job.started")).toBeGreaterThan(0);
    expect(types.at(-1)).toBe("job.succeeded");
    expect(new Set(heard.map((one) => one.id)).size).toBe(heard.length);
  } finally {
    await stop();
  }
});

test("one refused is tried again with the same id and body, and the next ones wait for it", async () => {
  let refusals = 1;
  const { heard, stop } = await backend((one) => {
    if (one.type !== "job.queued" || refusals === 0) return 204;
    refusals -= 1;
    return 500;
  });
  try {
    await server.run({ jobId: "stubborn", repo, task: "script", script: "true" });
    await until(
      "the last callback",
      () => heard.some((one) => one.type === "job.succeeded" && one.jobId === "stubborn"),
      {
        limitMs: 120_000,
      },
    );
    const first = heard.filter((one) => one.type === "job.queued" && one.jobId === "stubborn");
    expect(first).toHaveLength(2);
    expect(new Set(first.map((one) => one.id)).size).toBe(1);
    expect(new Set(first.map((one) => one.body)).size).toBe(1);
    const place = heard.findIndex((one) => one.type === "job.started" && one.jobId === "stubborn");
    expect(place).toBeGreaterThan(heard.lastIndexOf(first[1] as Heard));
  } finally {
    await stop();
  }
});

test("a delivered callback is sent again by hand, the same", async () => {
  const { heard, stop } = await backend(() => 204);
  try {
    const reply = await server.fetch("/v1/callbacks?jobId=unheard&limit=1000");
    const { callbacks } = (await reply.json()) as { callbacks: { id: number; type: string; state: string }[] };
    const [last] = callbacks.filter((one) => one.type === "job.succeeded");
    expect(last).toMatchObject({ state: "delivered" });
    expect((await server.fetch(`/v1/callbacks/${last?.id}/redeliver`, { method: "POST" })).status).toBe(200);
    await until("it to come again", () => heard.length > 0);
    expect(heard[0]).toMatchObject({ type: "job.succeeded", jobId: "unheard" });
  } finally {
    await stop();
  }
});
