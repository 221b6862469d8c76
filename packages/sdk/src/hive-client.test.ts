import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { signWebhook } from "@hive/protocol";
import { createHive, verifyCallback } from "./index.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;
const closing: (() => Promise<void>)[] = [];

/** A real HTTP server that answers as the test says. */
async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("utf8");
    });
    request.on("end", () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const accepted = (jobId: string) => ({
  accepted: true,
  jobId,
  status: "queued",
  reason: null,
  position: 0,
  url: "http://hive.test/x",
});
const noSleep = { sleep: async () => {} };

describe("the SDK's client", () => {
  it("says something to a job once, however often the answer is lost", async () => {
    const keys = new Set<unknown>();
    let tries = 0;
    const url = await serve((request, response, body) => {
      keys.add(request.headers["idempotency-key"]);
      tries += 1;
      if (tries < 3) return void request.socket.destroy();
      const { text } = JSON.parse(body) as { text: string };
      json(response, 201, { jobId: text, n: 1, status: "queued", generation: 2 });
    });
    const hive = createHive({ url, token: "t", ...noSleep });
    expect(await hive.comment("a", "go on")).toMatchObject({ jobId: "go on", generation: 2 });
    expect(await hive.comment("a", { feedback: true, text: "again" })).toMatchObject({ jobId: "again" });
    expect([tries, keys.size, keys.has(undefined)]).toEqual([4, 2, false]);
  });

  it("sends a job again after a lost answer, under the same id, so that there is one job", async () => {
    const ids: string[] = [];
    const url = await serve((request, response, body) => {
      ids.push((JSON.parse(body) as { jobId: string }).jobId);
      if (ids.length < 3) request.socket.destroy();
      else json(response, 202, accepted(ids[0] ?? ""));
    });
    const hive = createHive({ url, token: "t", ...noSleep });
    const reply = await hive.enqueue({ repo: "https://example.com/a/b", task: "test" });
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(3);
    expect(reply.jobId).toBe(ids[0]);
  });

  it("comes back when the server says it cannot take work now, and not when it says no", async () => {
    let calls = 0;
    const url = await serve((_request, response) => {
      calls += 1;
      const problem = { type: "x", title: "x", detail: "later", code: "not_ready", status: 503, retry: true };
      if (calls === 1) json(response, 503, problem);
      else json(response, 409, { ...problem, status: 409, code: "id_conflict", detail: "taken", retry: false });
    });
    const hive = createHive({ url, token: "t", ...noSleep });
    await expect(hive.enqueue({ repo: "https://example.com/a/b", task: "test" })).rejects.toMatchObject({
      code: "id_conflict",
      message: "taken",
    });
    expect(calls).toBe(2);
  });

  it("begins no second generation when the answer to a retry was lost", async () => {
    let calls = 0;
    const url = await serve((request) => {
      calls += 1;
      request.socket.destroy();
    });
    await expect(createHive({ url, token: "t", ...noSleep }).retry("a")).rejects.toThrow("did not answer");
    expect(calls).toBe(1);
  });

  it("reads every event once over lost connections", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(200, { "content-type": "text/event-stream" });
      const first = asked.length === 1 ? 1 : 3;
      for (const id of [first, first + 1]) {
        response.write(
          `id: ${id}\nevent: job.queued\ndata: ${JSON.stringify({ id, type: "job.queued", at: 1, jobId: "a", data: {} })}\n\n`,
        );
      }
      // The connection breaks in the middle of the next message.
      response.write('id: 99\ndata: {"id":99,', () => response.destroy());
    });
    const seen: number[] = [];
    for await (const event of createHive({ url, token: "t", ...noSleep }).events({ after: 0 })) {
      seen.push(event.id);
      if (seen.length === 4) break;
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(asked).toEqual(["/v1/events?after=0", "/v1/events?after=2"]);
  });

  it("asks the next of several addresses at once when nobody listens at one, also what it would not repeat", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? "");
      json(response, 202, { jobId: "a", status: "queued", reason: null, generation: 2 });
    });
    const gone = await serve(() => undefined);
    await closing.pop()?.();
    const hive = createHive({ url: `${gone}, ${url}/`, token: "t", retries: 0, ...noSleep });
    expect(await hive.retry("a")).toMatchObject({ generation: 2 });
    expect(asked).toEqual(["/v1/jobs/a/retry"]);
  });

  it("says what to do when nothing listens", async () => {
    const hive = createHive({ url: "http://127.0.0.1:1", token: "t", retries: 0 });
    await expect(hive.health()).rejects.toThrow("npm start");
  });
});

describe("a backend's check of a callback", () => {
  const secret = `whsec_${Buffer.from("a".repeat(32)).toString("base64")}`;
  const body = JSON.stringify({
    type: "job.succeeded",
    timestamp: "2026-11-23T00:00:00.000Z",
    data: { jobId: "a", event: 4, status: "succeeded" },
  });
  const timestamp = Math.floor(Date.now() / 1000);

  it("gives the callback when the signature fits", async () => {
    const headers = { ...(await signWebhook({ id: "hive_x_4", timestamp, body }, secret)) };
    const checked = await verifyCallback({ headers, body, secrets: secret });
    expect(checked).toMatchObject({
      ok: true,
      callback: { id: "hive_x_4", type: "job.succeeded", data: { jobId: "a" } },
    });
  });

  it("refuses a body that was changed, and one that is signed but not Hive's", async () => {
    const headers = { ...(await signWebhook({ id: "hive_x_4", timestamp, body }, secret)) };
    expect((await verifyCallback({ headers, body: body.replace("succeeded", "failed"), secrets: secret })).ok).toBe(
      false,
    );
    const other = { ...(await signWebhook({ id: "hive_x_4", timestamp, body: "[]" }, secret)) };
    expect((await verifyCallback({ headers: other, body: "[]", secrets: secret })).ok).toBe(false);
  });
});
