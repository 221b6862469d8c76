/** What reading makes of bytes in Redis that are not those that were kept. */

import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../../../../test/peers/redis/redis-server.ts";
import { RedisConnection } from "../../store/redis/connection.ts";
import { redisKeys } from "../../store/redis/keys.ts";
import type { LogStore } from "../contract.ts";
import { openRedisLogs } from "./redis-logs.ts";

let redis: RedisServer;
let beside: RedisConnection;
beforeAll(async () => {
  redis = await startRedis();
  beside = new RedisConnection({ url: redis.url });
});
afterAll(async () => {
  beside.close();
  await redis.dispose();
});

const KEY = { jobId: "job:1", fence: 2 };

const opened: LogStore[] = [];
afterEach(async () => {
  for (const logs of opened.splice(0)) await logs.close();
});

function open(prefix: string, keptBytes = 4_194_304): LogStore {
  const connection = new RedisConnection({ url: redis.url });
  const { logs } = openRedisLogs({ connection, keys: redisKeys(prefix), position: () => null, keptBytes });
  opened.push(logs);
  return logs;
}

async function send(logs: LogStore, bytes: Buffer, size: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += size)
    expect(await logs.append({ ...KEY, offset, bytes: bytes.subarray(offset, offset + size) })).toMatchObject({
      ok: true,
    });
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe("a bit that flips in Redis", () => {
  const whole = Buffer.from(Array.from({ length: 400 }, (_, i) => `line ${i}\n`).join(""));
  const damage = /the log of attempt 2 of job job:1 is damaged/;

  /** All of the log as a reader sees it, or how reading it ended. */
  const shownBy = (logs: LogStore): Promise<string> => text(logs.read(KEY)).catch((error: unknown) => String(error));

  it("in the beginning of a log is noticed, whoever reads or follows it, and the job is named", async () => {
    const prefix = randomUUID();
    const logs = open(prefix, 1000);
    await send(logs, whole.subarray(0, 300), 40);
    const head = `${redisKeys(prefix).start}log:head:${KEY.fence}:${KEY.jobId}`;
    await beside.command([
      "SETBIT",
      head,
      "1234",
      Number(await beside.command(["GETBIT", head, "1234"])) === 1 ? "0" : "1",
    ]);
    expect(await shownBy(logs)).toMatch(damage);
    await expect(text(logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) }))).rejects.toThrow(damage);
    // A head that lost its end is damage, not a cut.
    await beside.command(["SET", head, whole.subarray(0, 200)]);
    expect(await shownBy(logs)).toMatch(damage);
    await beside.command(["SET", head, whole.subarray(0, 300)]);
    expect(await shownBy(logs)).toBe(whole.subarray(0, 300).toString());
  });

  it("in the end of a long one too, also for who reads only that", async () => {
    const prefix = randomUUID();
    const logs = open(prefix, 1000);
    await send(logs, whole, 70);
    expect(await shownBy(logs)).toMatch(/^line 0\n/);
    const tail = `${redisKeys(prefix).start}log:tail:${KEY.fence}:${KEY.jobId}`;
    const entries = (await beside.command(["XRANGE", tail, "-", "+"])) as [string, [string, string]][];
    // Redis takes no id twice: the whole stream is written anew.
    await beside.command(["DEL", tail]);
    for (const [n, [id, [checksum, said]]] of entries.entries()) {
      const bytes = n === entries.length - 1 ? said.replace("l", "m") : said;
      await beside.command(["XADD", tail, id, checksum, bytes]);
    }
    expect(await shownBy(logs)).toMatch(damage);
    const end = logs.read({ ...KEY, from: whole.length - 10 });
    await expect(text(end)).rejects.toThrow(damage);
  });

  it("is no damage where the job went while its log was read", async () => {
    const logs = open(randomUUID());
    const long = randomBytes(1_500_000);
    await send(logs, long, 500_000);
    let pieces = 0;
    for await (const _ of logs.read(KEY)) {
      if (pieces === 0) await logs.remove(KEY.jobId);
      pieces += 1;
    }
    expect(pieces).toBeGreaterThan(0);
  });
});
