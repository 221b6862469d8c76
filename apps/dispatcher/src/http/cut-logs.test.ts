/** What readers see of a log of which only the beginning and the end were kept, on a real Redis. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../../../test/peers/redis/redis-server.ts";
import { openRedisLogs } from "../logs/redis/redis-logs.ts";
import { RedisConnection } from "../store/redis/connection.ts";
import { redisKeys } from "../store/redis/keys.ts";
import { beginJob, failedFinish } from "./attempts.fixture.ts";
import { startServer, type TestServer } from "./server.fixture.ts";

const KEPT = 4096;

let redis: RedisServer;
let world: TestServer;
let closeLogs: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  const connection = new RedisConnection({ url: redis.url });
  const stores = openRedisLogs({ connection, keys: redisKeys("hive"), position: () => null, keptBytes: KEPT });
  closeLogs = () => stores.logs.close();
  world = await startServer({ change: (parts) => ({ ...parts, ...stores }) });
});
afterAll(async () => {
  await world.close();
  await closeLogs();
  await redis.dispose();
});

it("a log longer than is kept is shown with a line where bytes are missing, and its end and ranges count all bytes", async () => {
  const { jobId, lease } = await beginJob(world);
  const { token } = lease;
  const whole = Buffer.from(Array.from({ length: 2000 }, (_, n) => `line number ${n}\n`).join(""));
  const following = world.send("GET", `/v1/jobs/${jobId}/logs?follow&fence=${lease.fence}`);
  const follower = (await following).body?.getReader();
  let followed = "";
  for (let at = 0; at < whole.length; at += 1000) {
    const body = whole.subarray(at, at + 1000);
    const sent = await world.send("POST", `/v1/worker/logs?offset=${at}`, { token, body });
    expect([sent.status, await sent.json()]).toEqual([200, { committed: at + body.length }]);
    while (followed.length < at + body.length)
      followed += Buffer.from((await follower?.read())?.value ?? []).toString();
  }
  const other = Buffer.concat([whole.subarray(0, -1), Buffer.from("!")]);
  const wrong = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(other) });
  expect([wrong.status, await wrong.json()]).toMatchObject([409, { code: "log_differs" }]);
  const right = await world.send("POST", "/v1/worker/finish", { token, json: failedFinish(whole, "finish-000002") });
  expect(right.status).toBe(200);
  expect((await follower?.read())?.done).toBe(true);
  expect(followed).toBe(whole.toString());

  const path = `/v1/jobs/${jobId}/logs?fence=${lease.fence}`;
  const all = await world.send("GET", path);
  const [, from = 0, to = 0] = (/^(\d+)-(\d+)$/.exec(all.headers.get("x-hive-log-cut") ?? "") ?? []).map(Number);
  expect([all.status, from, whole.length - to > KEPT / 4, all.headers.get("content-length")]).toEqual([
    200,
    KEPT / 2,
    true,
    null,
  ]);
  const missing = (to - from).toLocaleString("en-US");
  const marker = `\n[hive] ${missing} bytes of this log were not kept here (HIVE_REDIS_LOG_BYTES)\n`;
  const shown = `${whole.subarray(0, from).toString()}${marker}${whole.subarray(to).toString()}`;
  expect(await all.text()).toBe(shown);

  const part = async (range: string) => {
    const response = await world.send("GET", path, { headers: { range } });
    return [response.status, response.headers.get("content-range"), await response.text()];
  };
  const size = whole.length;
  expect(await part("bytes=-100")).toEqual([
    206,
    `bytes ${size - 100}-${size - 1}/${size}`,
    whole.subarray(-100).toString(),
  ]);
  expect(await part("bytes=10-19")).toEqual([206, `bytes 10-19/${size}`, whole.subarray(10, 20).toString()]);
  expect(await part(`bytes=${from - 10}-${from + 10}`)).toEqual([200, null, shown]);
});
