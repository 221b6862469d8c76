/** Logs and artifacts on a real Redis: the shared suite, and what only Redis does. */

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../../../../../test/peers/redis/redis-server.ts";
import { startTcpProxy } from "../../../../../test/peers/tcp-proxy.ts";
import { RedisConnection } from "../../store/redis/connection.ts";
import { redisKeys } from "../../store/redis/keys.ts";
import { logSuite } from "../contract.suite.ts";
import { cutMarker } from "../cut-marker.ts";
import { openRedisLogs, type RedisLogsOptions } from "./redis-logs.ts";

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

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const logs of opened.splice(0)) await logs.close();
});

/** Logs of a dispatcher; those with the same prefix share everything in Redis. */
function open(prefix: string, more: Partial<RedisLogsOptions> = {}, url = redis.url) {
  const connection = new RedisConnection({ url });
  const stores = openRedisLogs({ connection, keys: redisKeys(prefix), position: () => null, ...more });
  opened.push(stores.logs);
  return stores;
}

logSuite("redis", async () => {
  const prefix = randomUUID();
  return {
    flushesAlways: true,
    open: (limits = {}) => open(prefix, { limits }),
    async crash() {
      await redis.crash();
      await redis.start();
    },
    dispose: async () => {},
  };
});

describe("a log longer than Redis keeps", () => {
  const whole = Buffer.from(Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join(""));

  it("keeps its beginning and its end, says in one line what is missing, and counts all that was said", async () => {
    const { logs } = open(randomUUID(), { keptBytes: 1000 });
    expect(await sendAll(logs, whole, 70)).toBe(whole.length);
    const size = await logs.size(KEY);
    const cut = size?.cut ?? { from: 0, to: 0 };
    expect(size).toEqual({ bytes: whole.length, sealed: false, cut });
    expect(cut.from).toBe(500);
    // Pieces go whole: a little less than half is left of the end.
    expect(whole.length - cut.to).toBeGreaterThan(400);
    expect(whole.length - cut.to).toBeLessThanOrEqual(500);
    expect(await text(logs.read(KEY))).toBe(shown(whole, cut));
    expect(await logs.seal({ ...KEY, bytes: whole.length, crc32: crc32(whole) })).toEqual({ ok: true });
    expect(await logs.size(KEY)).toEqual({ bytes: whole.length, sealed: true, cut });
    expect(await text(logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) }))).toBe(shown(whole, cut));
  });

  it("has all of a log that fits exactly, and no marker", async () => {
    const { logs } = open(randomUUID(), { keptBytes: 1000 });
    await sendAll(logs, whole.subarray(0, 1000), 1000);
    expect(await logs.size(KEY)).toEqual({ bytes: 1000, sealed: false });
    expect(await text(logs.read(KEY))).toBe(whole.subarray(0, 1000).toString());
  });

  it("takes repeats of what it forgot, and notices at the seal when they were others", async () => {
    const { logs } = open(randomUUID(), { keptBytes: 1000 });
    await sendAll(logs, whole, 100);
    expect(await logs.append({ ...KEY, offset: 0, bytes: whole })).toEqual({ ok: true, committed: whole.length });
    const other = Buffer.from(whole);
    other.write("LINE", 4000);
    expect(await logs.append({ ...KEY, offset: 0, bytes: other })).toEqual({ ok: true, committed: whole.length });
    const refused = { ok: false, code: "log_differs", expected: whole.length };
    expect(await logs.seal({ ...KEY, bytes: whole.length, crc32: crc32(other) })).toEqual(refused);
    other.write("LINE", 10);
    expect(await logs.append({ ...KEY, offset: 0, bytes: other })).toEqual(refused);
    const wrongEnd = Buffer.concat([whole.subarray(-8, -1), Buffer.from("!")]);
    expect(await logs.append({ ...KEY, offset: whole.length - 8, bytes: wrongEnd })).toEqual(refused);
  });

  it("shows every byte to who reads along, however little is kept", async () => {
    const { logs } = open(randomUUID(), { keptBytes: 100 });
    const follower = logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) })[Symbol.asyncIterator]();
    let seen = "";
    for (let at = 0; at < 3000; at += 30) {
      await logs.append({ ...KEY, offset: at, bytes: whole.subarray(at, at + 30) });
      while (seen.length < at + 30) seen += Buffer.from((await follower.next()).value ?? []).toString();
    }
    expect(seen).toBe(whole.subarray(0, 3000).toString());
    await follower.return?.();
  });

  it("takes no more memory than it is allowed and a little for the order", async () => {
    const prefix = randomUUID();
    const { logs } = open(prefix, { keptBytes: 50_000 });
    let at = 0;
    // As a build prints: small pieces, one flush of the worker each.
    for (let n = 0; n < 600; n += 1) {
      const bytes = randomBytes(250);
      await logs.append({ ...KEY, offset: at, bytes });
      at += bytes.length;
    }
    const used = await memoryOf(prefix);
    expect(used).toBeGreaterThan(45_000);
    expect(used).toBeLessThan(90_000);
  });

  it("takes next to nothing for a short log: most are", async () => {
    const prefix = randomUUID();
    const { logs } = open(prefix);
    await sendAll(logs, whole.subarray(0, 300), 300);
    expect(await memoryOf(prefix)).toBeLessThan(900);
  });

  it("takes what it needs once it is over, and no room to grow", async () => {
    const prefix = randomUUID();
    const { logs } = open(prefix);
    const said = randomBytes(11_000);
    await sendAll(logs, said, 1000);
    const growing = await memoryOf(prefix);
    await logs.seal({ ...KEY, bytes: said.length, crc32: crc32(said) });
    const over = await memoryOf(prefix);
    expect([growing > 16_000, over < 13_000]).toEqual([true, true]);
    expect((await bytesOf(logs.read(KEY))).equals(said)).toBe(true);
  });

  it("gives any range of any log right, whatever was kept", async () => {
    const { logs } = open(randomUUID(), { keptBytes: 64 });
    let run = 0;
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 25 });
    const place = fc.integer({ min: 0, max: 700 });
    await fc.assert(
      fc.asyncProperty(sizes, place, place, async (lengths, one, other) => {
        run += 1;
        const key = { jobId: `random-${run}`, fence: 1 };
        let offset = 0;
        for (const length of lengths) {
          await logs.append({ ...key, offset, bytes: whole.subarray(offset, offset + length) });
          offset += length;
        }
        const { cut = { from: 0, to: 0 } } = (await logs.size(key)) ?? {};
        expect(cut.to - cut.from).toBe(offset > 64 ? cut.to - 32 : 0);
        const [from, to] = [Math.min(one, other), Math.min(Math.max(one, other), offset)];
        expect(await text(logs.read({ ...key, from, to }))).toBe(shown(whole.subarray(0, to), cut, from));
        const all = { ...key, bytes: offset, crc32: crc32(whole.subarray(0, offset)) };
        expect(await logs.seal(all)).toEqual({ ok: true });
      }),
      { numRuns: 60 },
    );
  });
});

describe("several dispatchers on one Redis", () => {
  it("go on where the other one was, and their followers see it", async () => {
    const prefix = randomUUID();
    const [one, two, reader] = [open(prefix).logs, open(prefix).logs, open(prefix, { pollMs: 10 }).logs];
    const followed = text(reader.follow({ ...KEY, signal: AbortSignal.timeout(20_000) }));
    expect(await one.append({ ...KEY, offset: 0, bytes: Buffer.from("one ") })).toMatchObject({ committed: 4 });
    expect(await two.append({ ...KEY, offset: 4, bytes: Buffer.from("two ") })).toMatchObject({ committed: 8 });
    // The first one remembers a log of 4 bytes: other bytes for what the second wrote are refused, the same ones taken.
    expect(await one.append({ ...KEY, offset: 4, bytes: Buffer.from("TWO ") })).toMatchObject({ code: "log_differs" });
    expect(await one.append({ ...KEY, offset: 4, bytes: Buffer.from("two three") })).toMatchObject({ committed: 13 });
    expect(await two.seal({ ...KEY, bytes: 13, crc32: crc32("one two three") })).toEqual({ ok: true });
    expect(await one.append({ ...KEY, offset: 13, bytes: Buffer.from("!") })).toMatchObject({ code: "log_differs" });
    expect(await followed).toBe("one two three");
  });

  it("write only as the queen: one that lost its election leaves no trace", async () => {
    const prefix = randomUUID();
    const { meta } = redisKeys(prefix);
    const old = { epoch: 7, electionId: "old", sequence: 0 };
    const lead = (epoch: number, id: string) =>
      beside.command(["HSET", meta, "epoch", String(epoch), "electionId", id]);
    await lead(7, "old");
    const { logs, artifacts } = open(prefix, { position: () => old });
    await logs.append({ ...KEY, offset: 0, bytes: Buffer.from("mine") });
    const upload = async function* () {
      yield Buffer.from("x");
      // Another was elected while the file came.
      await lead(8, "new");
      yield Buffer.from("y");
    };
    const sha256 = createHash("sha256").update("xy").digest("hex");
    const late = { code: "not_ready" };
    await expect(artifacts.putArtifact({ ...KEY, name: "a", stream: upload(), sha256 })).rejects.toMatchObject(late);
    const before = await dump(prefix);
    await expect(logs.append({ ...KEY, offset: 4, bytes: Buffer.from("!") })).rejects.toMatchObject(late);
    await expect(logs.append({ ...KEY, offset: 0, bytes: Buffer.from("mine") })).rejects.toMatchObject(late);
    await expect(logs.append({ ...KEY, fence: 9, offset: 0, bytes: Buffer.from("!") })).rejects.toMatchObject(late);
    await expect(logs.seal({ ...KEY, bytes: 4, crc32: crc32("mine") })).rejects.toMatchObject(late);
    await expect(artifacts.putArtifact({ ...KEY, name: "b", stream: upload(), sha256 })).rejects.toMatchObject(late);
    await expect(logs.remove(KEY.jobId)).rejects.toMatchObject(late);
    expect(await dump(prefix)).toEqual(before);
    expect(await text(logs.read(KEY))).toBe("mine");
    expect(await artifacts.listArtifacts(KEY)).toEqual([]);
  });

  it("write only into the Redis that their queue was elected on: one that lost a commit gets nothing", async () => {
    const prefix = randomUUID();
    const { meta } = redisKeys(prefix);
    let position = { epoch: 7, electionId: "queen", sequence: 41 };
    const { logs, artifacts } = open(prefix, { position: () => position });
    const at = (sequence: number) =>
      beside.command(["HSET", meta, "epoch", "7", "electionId", "queen", "sequence", String(sequence)]);
    await at(42);
    await logs.append({ ...KEY, offset: 0, bytes: Buffer.from("mine") });
    // A replica took its place that had not been told of the last commits, of this lease among them.
    await at(40);
    const before = await dump(prefix);
    const late = { code: "not_ready" };
    const sha256 = createHash("sha256").update("x").digest("hex");
    const upload = async function* () {
      // What the queue has learnt since the call came does not make its lease known to this Redis.
      position = { ...position, sequence: 0 };
      yield Buffer.from("x");
    };
    await expect(logs.append({ ...KEY, offset: 4, bytes: Buffer.from("!") })).rejects.toMatchObject(late);
    await expect(logs.append({ ...KEY, fence: 9, offset: 0, bytes: Buffer.from("!") })).rejects.toMatchObject(late);
    await expect(logs.seal({ ...KEY, bytes: 4, crc32: crc32("mine") })).rejects.toMatchObject(late);
    await expect(logs.remove(KEY.jobId)).rejects.toMatchObject(late);
    await at(41);
    const put = artifacts.putArtifact({
      ...KEY,
      name: "a",
      sha256,
      stream: (async function* () {
        await at(40);
        yield* upload();
      })(),
    });
    await expect(put).rejects.toMatchObject(late);
    expect(await artifacts.listArtifacts(KEY)).toEqual([]);
    expect(await dump(prefix)).toEqual(before);
  });
});

describe("a Redis that fails", () => {
  it("that took bytes and could not say so has them once", async () => {
    const proxy = await startTcpProxy({ to: redis.port });
    try {
      const { logs, artifacts } = open(randomUUID(), {}, `redis://127.0.0.1:${proxy.port}`);
      const append = (offset: number, bytes: string) => logs.append({ ...KEY, offset, bytes: Buffer.from(bytes) });
      await append(0, "one ");
      proxy.cutAnswers();
      await expect(append(4, "two ")).rejects.toMatchObject({ code: "not_ready" });
      await proxy.heal();
      expect(await eventually(() => append(4, "two "))).toEqual({ ok: true, committed: 8 });
      expect(await append(8, "three")).toEqual({ ok: true, committed: 13 });
      expect(await logs.seal({ ...KEY, bytes: 13, crc32: crc32("one two three") })).toEqual({ ok: true });

      const sha256 = createHash("sha256").update("file").digest("hex");
      for (let lost = 0; lost < 12; lost += 1) {
        // Each answer in turn, that of the last step too: the file is there, and its sender was told nothing.
        let answers = 0;
        proxy.cutAnswers(() => answers++ === lost);
        const put = () => artifacts.putArtifact({ ...KEY, name: `file-${lost}`, stream: once("file"), sha256 });
        expect(await eventually(put)).toMatchObject({ ok: true });
      }
      expect(await artifacts.listArtifacts(KEY)).toHaveLength(12);
      expect(proxy.counts.answersCut).toBeGreaterThanOrEqual(5);
    } finally {
      await proxy.dispose();
    }
  });

  it("that is full refuses with a reason, and goes on byte-exact once it has room", async () => {
    const { logs, artifacts } = open(randomUUID());
    const chunk = randomBytes(100_000);
    const sha256 = createHash("sha256").update(chunk).digest("hex");
    await logs.append({ ...KEY, offset: 0, bytes: chunk });
    await beside.command(["CONFIG", "SET", "maxmemory", "1"]);
    try {
      const full = { code: "not_ready", message: expect.stringContaining("maxmemory") as string };
      await expect(logs.append({ ...KEY, offset: 100_000, bytes: chunk })).rejects.toMatchObject(full);
      await expect(artifacts.putArtifact({ ...KEY, name: "a", stream: once(chunk), sha256 })).rejects.toMatchObject(
        full,
      );
    } finally {
      await beside.command(["CONFIG", "SET", "maxmemory", "0"]);
    }
    expect(await logs.size(KEY)).toEqual({ bytes: 100_000, sealed: false });
    expect(await artifacts.putArtifact({ ...KEY, name: "a", stream: once(chunk), sha256 })).toMatchObject({ ok: true });
    expect(await logs.append({ ...KEY, offset: 100_000, bytes: chunk })).toEqual({ ok: true, committed: 200_000 });
    const whole = Buffer.concat([chunk, chunk]);
    expect(await logs.seal({ ...KEY, bytes: 200_000, crc32: crc32(whole) })).toEqual({ ok: true });
  });

  it("that is away when a log ends gives its end once it is back", async () => {
    const { logs } = open(randomUUID(), { pollMs: 10 });
    const over = new AbortController();
    const signal = AbortSignal.timeout(20_000);
    const follower = logs.follow({ ...KEY, signal, over: over.signal })[Symbol.asyncIterator]();
    await logs.append({ ...KEY, offset: 0, bytes: Buffer.from("one ") });
    await follower.next();
    await logs.append({ ...KEY, offset: 4, bytes: Buffer.from("two") });
    await redis.crash();
    over.abort();
    const next = follower.next();
    await expect(logs.size(KEY)).rejects.toMatchObject({ code: "not_ready" });
    await redis.start();
    expect(Buffer.from((await next).value ?? []).toString()).toBe("two");
    expect((await follower.next()).done).toBe(true);
  });

  it("killed again and again loses nothing it took, and followers see all of it once", async () => {
    const { logs } = open(randomUUID());
    const whole = randomBytes(60_000);
    const followed = bytesOf(logs.follow({ ...KEY, signal: AbortSignal.timeout(30_000) }));
    let at = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      const until = at + whole.length / 3;
      let restarted = Promise.resolve();
      while (at < until) {
        // Not waited for: appends are under way when it dies, and while it is away.
        if (at === until - 10_000) restarted = redis.crash().then(() => redis.start());
        const bytes = whole.subarray(at, at + 100);
        expect(await eventually(() => logs.append({ ...KEY, offset: at, bytes }))).toMatchObject({ ok: true });
        at += 100;
      }
      await restarted;
    }
    expect(await logs.seal({ ...KEY, bytes: whole.length, crc32: crc32(whole) })).toEqual({ ok: true });
    expect((await followed).equals(whole)).toBe(true);
  });
});

it("logs and artifacts need no more rights in Redis than the documents say", async () => {
  const docs = await readFile(join(import.meta.dirname, "../../../../../docs/configuration.md"), "utf8");
  const rights = /^ACL SETUSER hive on >PASSWORD (.*)$/m.exec(docs)?.[1]?.split(" ") ?? [];
  expect(rights.length).toBeGreaterThan(3);
  await beside.command(["ACL", "SETUSER", "hive", "on", ">PASSWORD", ...rights]);
  const { logs, artifacts } = open("hive", { keptBytes: 100 }, redis.url.replace("//", "//hive:PASSWORD@"));
  const whole = randomBytes(500);
  await sendAll(logs, whole, 50);
  expect(await logs.append({ ...KEY, offset: 0, bytes: whole })).toMatchObject({ ok: true });
  expect((await bytesOf(logs.read(KEY))).length).toBeGreaterThan(90);
  expect(await logs.seal({ ...KEY, bytes: 500, crc32: crc32(whole) })).toEqual({ ok: true });
  const sha256 = createHash("sha256").update("x").digest("hex");
  expect(await artifacts.putArtifact({ ...KEY, name: "a", stream: once("x"), sha256 })).toMatchObject({ ok: true });
  expect(await artifacts.putArtifact({ ...KEY, name: "b", stream: once("y"), sha256 })).toMatchObject({ ok: false });
  const read = await artifacts.readArtifact({ ...KEY, name: "a" });
  expect(await text(read?.stream ?? once(""))).toBe("x");
  expect(await logs.fences(KEY.jobId)).toEqual([KEY.fence]);
  await logs.remove(KEY.jobId);
  expect(await logs.size(KEY)).toBeNull();
});

describe("what is left in Redis", () => {
  it("is nothing of a job that was removed", async () => {
    const prefix = randomUUID();
    const { logs, artifacts } = open(prefix, { keptBytes: 100 });
    for (const fence of [1, 2]) {
      await sendAll(logs, randomBytes(500), 50, { ...KEY, fence });
      const sha256 = createHash("sha256").update("x").digest("hex");
      await artifacts.putArtifact({ ...KEY, fence, name: "a", stream: once("x"), sha256 });
    }
    expect((await keysOf(prefix)).length).toBe(7);
    await logs.remove(KEY.jobId);
    expect(await keysOf(prefix)).toEqual([]);
  });

  it("is nothing of a file that was refused, and nothing of uploads that died with their dispatcher", async () => {
    const prefix = randomUUID();
    const { artifacts } = open(prefix, { limits: { artifactBytes: 1_000_000 } });
    const put = (stream: AsyncIterable<Uint8Array>) =>
      artifacts.putArtifact({ ...KEY, name: "a", stream, sha256: "0".repeat(64) });
    expect(await put(once(randomBytes(1_000_001)))).toEqual({
      ok: false,
      code: "artifact_too_large",
      limit: 1_000_000,
    });
    expect(await put(once(randomBytes(700_000)))).toMatchObject({ code: "artifact_mismatch" });
    expect(await keysOf(prefix)).toEqual([redisKeys(prefix).start + `log:job:${KEY.jobId}`]);

    // As a kill leaves it.
    const { start } = redisKeys(prefix);
    await beside.command(["SADD", `${start}art:partials`, `${start}art:partial:other.x`]);
    await beside.command(["RPUSH", `${start}art:partial:other.x`, "half a file"]);
    const { artifacts: next } = open(prefix);
    const sha256 = createHash("sha256").update("x").digest("hex");
    const again = (name: string, stream = once("x")) => next.putArtifact({ ...KEY, name, stream, sha256 });
    const partials = async () => (await keysOf(prefix)).filter((key) => key.includes("partial"));
    expect(await again("a")).toMatchObject({ ok: true });
    expect(await partials()).toEqual([]);

    // And as it is left when Redis dies under it.
    const dies = async function* () {
      yield randomBytes(700_000);
      await redis.crash();
    };
    await expect(again("b", dies())).rejects.toMatchObject({ code: "not_ready" });
    await redis.start();
    await eventually(partials);
    expect(await eventually(() => again("b"))).toMatchObject({ ok: true });
    expect(await partials()).toEqual([]);
  });

  it("is asked for again when its pieces are gone before it is whole, and leaves nothing", async () => {
    const prefix = randomUUID();
    const { artifacts } = open(prefix);
    const { start } = redisKeys(prefix);
    const content = randomBytes(1_000_000);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const put = (stream: AsyncIterable<Uint8Array>) => artifacts.putArtifact({ ...KEY, name: "a", stream, sha256 });
    const swept = async function* () {
      yield content.subarray(0, 700_000);
      const keys = (await keysOf(prefix)).filter((key) => key.startsWith(`${start}art:partial:`));
      await beside.command(["UNLINK", ...keys]);
      yield content.subarray(700_000);
    };
    await expect(put(swept())).rejects.toMatchObject({ code: "not_ready" });
    expect(await keysOf(prefix)).toEqual([`${start}log:job:${KEY.jobId}`]);
    expect(await put(once(content))).toMatchObject({ ok: true });
  });

  it("is refused when it is damaged, and its last bytes are withheld", async () => {
    const prefix = randomUUID();
    const { artifacts } = open(prefix);
    const content = randomBytes(200_000);
    const sha256 = createHash("sha256").update(content).digest("hex");
    await artifacts.putArtifact({ ...KEY, name: "a", stream: once(content), sha256 });
    await beside.command(["LSET", `${redisKeys(prefix).start}art:${KEY.fence}:a:${KEY.jobId}`, "1", "damaged"]);
    const read = await artifacts.readArtifact({ ...KEY, name: "a" });
    await expect(bytesOf(read?.stream ?? once(""))).rejects.toThrow(/damaged/);
  });
});

async function sendAll(
  logs: ReturnType<typeof openRedisLogs>["logs"],
  bytes: Buffer,
  size: number,
  key = KEY,
): Promise<number> {
  let committed = 0;
  while (committed < bytes.length) {
    const answer = await logs.append({ ...key, offset: committed, bytes: bytes.subarray(committed, committed + size) });
    if (!answer.ok) throw new Error(answer.code);
    committed = answer.committed;
  }
  return committed;
}

/** What a reader from `from` on sees of a log that was cut there. */
function shown(whole: Buffer, cut: { from: number; to: number }, from = 0): string {
  const to = Math.min(cut.to, whole.length);
  const missing = to - Math.max(cut.from, from);
  const head = whole.subarray(from, Math.max(from, missing > 0 ? cut.from : whole.length));
  if (missing <= 0) return head.toString();
  return `${head.toString()}${Buffer.from(cutMarker(missing)).toString()}${whole.subarray(to).toString()}`;
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  return (await bytesOf(stream)).toString();
}

async function* once(content: string | Buffer): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

async function keysOf(prefix: string): Promise<string[]> {
  return (await beside.command(["KEYS", `{${prefix}}:*`])) as string[];
}

/** Bytes that Redis uses for it. */
async function memoryOf(prefix: string): Promise<number> {
  let used = 0;
  for (const key of await keysOf(prefix)) used += Number(await beside.command(["MEMORY", "USAGE", key]));
  return used;
}

/** Everything of one Hive, as Redis would move it elsewhere. */
async function dump(prefix: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const key of (await keysOf(prefix)).sort()) {
    found[key] = Buffer.from((await beside.command(["DUMP", key], "bytes")) as Buffer).toString("base64");
  }
  return found;
}

/** Tries again until it works, for as long as a test may take. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries > 2000) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  }
}
