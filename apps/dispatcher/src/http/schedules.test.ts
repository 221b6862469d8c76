import { endpoints } from "@hive/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServer, type TestServer } from "./server.fixture.ts";

let world: TestServer;
beforeAll(async () => {
  world = await startServer();
});
afterAll(() => world.close());

const job = { repo: "https://github.com/acme/app", task: "test" } as const;
const path = (id: string): string => `/v1/schedules/${id}`;

it("a schedule is made, read with its revision as ETag, changed and taken away", async () => {
  const made = await world.send("PUT", path("nightly"), { json: { cron: "30 2 * * *", job } });
  expect([made.status, made.headers.get("etag")]).toEqual([200, '"1"']);
  expect(await made.json()).toMatchObject({
    id: "nightly",
    managedBy: "api",
    spec: { cron: "30 2 * * *" },
    words: "at 02:30 (UTC)",
    open: [],
  });
  const changed = await world.send("PUT", path("nightly"), { json: { cron: "30 3 * * *", job } });
  expect(changed.headers.get("etag")).toBe('"2"');
  const read = await world.send("GET", path("nightly"));
  expect([read.headers.get("etag"), await read.json()]).toEqual(['"2"', await changed.json()]);
  const gone = await world.send("DELETE", path("nightly"));
  expect(await gone.json()).toEqual({ removed: true });
  expect((await world.send("GET", path("nightly"))).status).toBe(404);
  expect(await (await world.send("DELETE", path("nightly"))).json()).toEqual({ removed: false });
});

it("If-Match and If-None-Match refuse a change that was meant for something else", async () => {
  const put = (cron: string, headers: Record<string, string>): Promise<Response> =>
    world.send("PUT", path("guarded"), { json: { cron, job }, headers });
  expect((await put("0 1 * * *", { "if-match": '"1"' })).status).toBe(404);
  expect((await put("0 1 * * *", { "if-none-match": "*" })).status).toBe(200);
  const again = await put("0 2 * * *", { "if-none-match": "*" });
  expect([again.status, await again.json()]).toMatchObject([409, { code: "stale_schedule" }]);
  expect((await put("0 2 * * *", { "if-match": '"1"' })).status).toBe(200);
  expect((await put("0 3 * * *", { "if-match": '"1"' })).status).toBe(409);
  expect((await put("0 3 * * *", { "if-match": "soon" })).status).toBe(400);
  const remove = await world.send("DELETE", path("guarded"), { headers: { "if-match": '"1"' } });
  expect([remove.status, await remove.json()]).toMatchObject([409, { code: "stale_schedule" }]);
});

it("everything that is wrong is named by its place", async () => {
  const refused = await world.send("PUT", path("wrong"), {
    json: { cron: "0 0 31 2 *", timezone: "Europe/Berlin", job },
  });
  expect([refused.status, await refused.json()]).toMatchObject([
    422,
    { code: "invalid_field", fields: [{ path: "cron" }] },
  ]);
  const secret = await world.send("PUT", path("wrong"), {
    json: { every: "1h", job: { ...job, githubToken: "ghp_0123456789" } },
  });
  expect([secret.status, await secret.json()]).toMatchObject([422, { fields: [{ path: "job.githubToken" }] }]);
  expect((await world.send("PUT", path("Wrong_Id"), { json: { every: "1h", job } })).status).toBe(422);
});

it("a schedule is paused, goes on, is triggered, backfilled and looked ahead", async () => {
  const { client } = world;
  const hourly = { params: { scheduleId: "hourly" } };
  const { next } = await client.call(endpoints.putSchedule, { ...hourly, body: { every: "1h", job } });
  const paused = await client.call(endpoints.pauseSchedule, { ...hourly, body: { reason: "holidays" } });
  expect(paused).toMatchObject({ next: null, paused: { reason: "holidays" } });
  expect(await client.call(endpoints.resumeSchedule, hourly)).toMatchObject({ next, paused: null });
  const triggered = await client.call(endpoints.triggerSchedule, { ...hourly, body: {} });
  expect(triggered.records).toMatchObject([{ outcome: "job", by: "trigger:api" }]);
  const hour = (next?.slot ?? 0) - 3_600_000;
  const hours = [hour - 7_200_000, hour - 3_600_000, hour];
  const body = { from: new Date(hour - 7_200_000).toISOString(), to: new Date(hour).toISOString() };
  const made = await client.call(endpoints.backfillSchedule, { ...hourly, body });
  expect(made.records.map(({ slot, outcome, by }) => [slot, outcome, by])).toEqual(
    hours.map((slot) => [slot, "job", "backfill:api"]),
  );
  const { slots } = await client.call(endpoints.listSlots, { ...hourly, query: {} });
  expect(slots.map(({ slot }) => slot)).toEqual([triggered.records[0]?.slot, ...hours.toReversed()]);
  const preview = await client.call(endpoints.previewSchedule, { ...hourly, query: { count: 3 } });
  expect(preview.slots.map(({ slot }) => slot)).toEqual([1, 2, 3].map((n) => hour + n * 3_600_000));
  const spec = { cron: "0 0 * * *", job } as const;
  expect(await client.call(endpoints.previewSpec, { body: spec, query: {} })).toMatchObject({
    words: "at 00:00 (UTC)",
    slots: { length: 5 },
  });
  const { schedules } = await client.call(endpoints.listSchedules, { query: {} });
  expect(schedules.map(({ id }) => id)).toContain("hourly");
});
