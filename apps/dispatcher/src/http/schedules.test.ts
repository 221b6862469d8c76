import { endpoints, type ScheduleSpec } from "@hive/protocol";
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

it("a backfill is looked at before it is asked for, and the list has the latest slots with the status of their jobs", async () => {
  const { client } = world;
  const daily = { params: { scheduleId: "daily" } };
  const { next } = await client.call(endpoints.putSchedule, { ...daily, body: { cron: "0 6 * * *", job } });
  const day = 86_400_000;
  const last = (next?.slot ?? 0) - day;
  const span = { from: new Date(last - day).toISOString(), to: new Date(last).toISOString() };
  const only = { ...daily, body: { from: span.to, to: span.to } };
  await client.call(endpoints.backfillSchedule, only);
  const { slots, more } = await client.call(endpoints.previewBackfill, { ...daily, query: span });
  expect(more).toBe(false);
  expect(slots.map(({ slot, outcome }) => [slot, outcome])).toEqual([
    [last - day, null],
    [last, "job"],
  ]);
  const ahead = await world.send("GET", `${path("daily")}/backfill?from=${span.from}&to=2999-01-01T00:00:00Z`);
  expect([ahead.status, await ahead.json()]).toMatchObject([422, { fields: [{ path: "to" }] }]);
  const { schedules } = await client.call(endpoints.listSchedules, { query: { recent: 3 } });
  const listed = schedules.find(({ id }) => id === "daily");
  expect(listed?.recent).toMatchObject([{ slot: last, outcome: "job", jobStatus: "queued" }]);
});

it("the calendar has what was and what comes, of all schedules or of one, and not more than there is room for", async () => {
  const { client } = world;
  const put = (scheduleId: string, body: ScheduleSpec): Promise<unknown> =>
    client.call(endpoints.putSchedule, { params: { scheduleId }, body });
  await put("six-hours", { every: "6h", job });
  await put("twice", { every: "6h", limits: { maxRuns: 2 }, job });
  await put("each-second", { every: "1s", spread: "24h", job });
  await put("rests", { every: "6h", job });
  await client.call(endpoints.pauseSchedule, { params: { scheduleId: "rests" } });
  const { next } = await client.call(endpoints.getSchedule, { params: { scheduleId: "six-hours" } });
  const first = next?.slot ?? 0;
  const span = (scheduleId: string) => ({
    ...{ from: new Date(first - 86_400_000).toISOString(), to: new Date(first + 86_400_000).toISOString() },
    schedule: scheduleId,
  });
  const before = new Date(first - 21_600_000).toISOString();
  const six = { params: { scheduleId: "six-hours" } };
  await client.call(endpoints.backfillSchedule, { ...six, body: { from: before, to: before } });
  const of = async (scheduleId: string) => {
    const { schedules } = await client.call(endpoints.scheduleCalendar, { query: span(scheduleId) });
    return schedules.find(({ id }) => id === scheduleId);
  };
  expect((await of("six-hours"))?.slots.map(({ slot, state }) => [(slot - first) / 3_600_000, state])).toEqual([
    [-6, "job"],
    ...[0, 6, 12, 18].map((hours) => [hours, "coming"]),
  ]);
  expect((await of("twice"))?.slots).toHaveLength(2);
  expect(await of("each-second")).toMatchObject({ more: true, slots: { length: 1_100 } });
  expect(await of("rests")).toMatchObject({ isPaused: true, slots: [] });
  const { schedule: _one, ...all } = span("");
  const { schedules } = await client.call(endpoints.scheduleCalendar, { query: all });
  expect(schedules.map(({ id }) => id)).toContain("twice");
  const long = await world.send("GET", "/v1/calendar?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z");
  expect([long.status, await long.json()]).toMatchObject([422, { fields: [{ path: "to" }] }]);
  expect((await world.send("GET", `/v1/calendar?from=${all.from}&to=${all.to}&schedule=unknown`)).status).toBe(404);
});
