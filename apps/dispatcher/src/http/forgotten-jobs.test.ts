import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPacked } from "../backup/open-packed.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

const job = { jobId: "old", repo: "https://github.com/acme/app", task: "script", script: "true" };

let world: TestServer;
beforeEach(async () => {
  world = await startServer();
});
afterEach(() => world.close());

/** A job that is over and not kept any more. */
async function forgotten(): Promise<void> {
  await world.send("POST", "/enqueue", { json: job });
  await world.send("POST", "/v1/jobs/old/cancel", { json: {} });
  await world.send("POST", "/enqueue", { json: { ...job, jobId: "newest" } });
  const [doc] = await world.queue.documents.get([{ collection: "jobs", id: "old" }]);
  const jobs = [{ jobId: "old", endedAt: Number(doc?.["endedAt"]), callbacks: [] }];
  expect(await world.queue.submit<"forget">({ type: "forget", jobs })).toEqual({ forgotten: ["old"] });
}

describe("a job that is not kept any more", () => {
  it("answers 410 wherever it is named, with how and when it ended and the next step", async () => {
    await forgotten();
    for (const [method, path] of [
      ["GET", "/v1/jobs/old"],
      ["GET", "/v1/jobs/old/logs"],
      ["GET", "/v1/jobs/old/artifacts"],
      ["GET", "/v1/jobs/old/comments"],
      ["GET", "/v1/jobs/old/candidates"],
      ["POST", "/v1/jobs/old/cancel"],
      ["POST", "/v1/jobs/old/retry"],
      ["POST", "/v1/jobs/old/approve"],
    ] as const) {
      const response = await world.send(method, path, method === "POST" ? { json: {} } : {});
      const problem = (await response.json()) as Record<string, unknown>;
      expect({ path, status: response.status, code: problem["code"] }).toEqual({
        path,
        status: 410,
        code: "job_forgotten",
      });
      expect(problem["detail"]).toContain("ended canceled at");
      expect(problem["detail"]).toContain("HIVE_KEEP_DAYS");
    }
    const never = await world.send("GET", "/v1/jobs/never-there");
    expect(never.status).toBe(404);
  });

  it("is still the same job for the same request, and another one with its id is refused", async () => {
    await forgotten();
    const same = await world.send("POST", "/enqueue", { json: job });
    expect([same.status, await same.json()]).toEqual([
      202,
      expect.objectContaining({ jobId: "old", status: "canceled" }),
    ]);
    const another = await world.send("POST", "/enqueue", { json: { ...job, script: "false" } });
    expect([another.status, ((await another.json()) as { code: string }).code]).toEqual([409, "id_conflict"]);
  });

  it("counts as it ended for jobs that depend on it", async () => {
    await forgotten();
    const child = await world.send("POST", "/enqueue", { json: { ...job, jobId: "child", dependsOn: ["old"] } });
    expect(await child.json()).toMatchObject({ status: "canceled" });
  });
});

describe("GET /v1/backup", () => {
  it("gives the owner everything, and nobody else anything", async () => {
    await forgotten();
    const response = await world.send("GET", "/v1/backup");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-disposition")).toMatch(/^attachment; filename="hive-[\dT-]+\.backup\.gz"$/);
    const { header, lines, sum } = await openPacked(Readable.from([Buffer.from(await response.arrayBuffer())]));
    expect(header).toMatchObject({ store: "memory", epoch: 1, secretsId: "secrets of the test" });
    const ids: string[] = [];
    for await (const line of lines) if (line.kind === "document") ids.push(`${line.collection}/${line.id}`);
    expect(ids).toEqual(expect.arrayContaining(["jobs/newest", "ids/old"]));
    expect(sum()?.documents).toBe(ids.length);
    for (const token of [null, await world.worker()])
      expect((await world.send("GET", "/v1/backup", { token })).status).toBe(401);
  });
});
