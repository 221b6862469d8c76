/** What every log store and artifact store must do, as tests. Each adapter's own test file calls `logSuite`. */

import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ArtifactStore, LogKey, LogLimits, LogStore } from "./contract.ts";

/** One log store's data, made fresh for each test. */
export interface LogHarness {
  /** Opens the stores over the data; again after `close` or `crash`. */
  open(limits?: Partial<LogLimits>): { readonly logs: LogStore; readonly artifacts: ArtifactStore };
  /** The power goes: what was not flushed is gone. */
  crash(): Promise<void>;
  /** Allowed difference: every append is flushed before it is answered, so a power loss takes nothing at all. */
  readonly flushesAlways?: true;
  dispose(): Promise<void>;
}

const KEY: LogKey = { jobId: "job-1", fence: 3 };

/** Runs the suite for one adapter. */
export function logSuite(name: string, make: () => Promise<LogHarness>): void {
  describe(`${name} logs`, () => {
    let harness: LogHarness;
    let logs: LogStore;
    let artifacts: ArtifactStore;

    beforeEach(async () => {
      harness = await make();
      ({ logs, artifacts } = harness.open());
    });
    afterEach(async () => {
      await logs.close();
      await harness.dispose();
    });

    const append = (offset: number, text: string | Uint8Array, key = KEY) =>
      logs.append({ ...key, offset, bytes: typeof text === "string" ? Buffer.from(text) : text });
    const seal = (text: string | Uint8Array, key = KEY) =>
      logs.seal({ ...key, bytes: Buffer.from(text).length, crc32: crc32(text) });
    const text = async (range: Partial<Parameters<LogStore["read"]>[0]> = {}) =>
      (await collect(logs.read({ ...KEY, ...range }))).toString();

    it("gives back the bytes in the order of their offsets", async () => {
      expect(await append(0, "one ")).toEqual({ ok: true, committed: 4 });
      expect(await append(4, "two")).toEqual({ ok: true, committed: 7 });
      expect(await text()).toBe("one two");
      expect(await logs.size(KEY)).toEqual({ bytes: 7, sealed: false });
    });

    it("reads any range, and never beyond the committed end", async () => {
      await append(0, "0123456789");
      expect(await text({ from: 3, to: 6 })).toBe("345");
      expect(await text({ from: 8, to: 100 })).toBe("89");
      expect(await text({ from: 10 })).toBe("");
      expect(await text({ from: 50 })).toBe("");
      expect(await text({ from: 6, to: 3 })).toBe("");
    });

    it("knows nothing of streams nobody wrote to", async () => {
      expect(await logs.size(KEY)).toBeNull();
      expect(await text()).toBe("");
      expect(await logs.fences(KEY.jobId)).toEqual([]);
      expect(await artifacts.listArtifacts({ jobId: KEY.jobId })).toEqual([]);
      expect(await artifacts.readArtifact({ ...KEY, name: "a" })).toBeNull();
    });

    it("refuses a gap and says where to go on", async () => {
      expect(await append(1, "x")).toEqual({ ok: false, code: "wrong_offset", expected: 0 });
      await append(0, "abc");
      expect(await append(4, "x")).toEqual({ ok: false, code: "wrong_offset", expected: 3 });
      expect(await text()).toBe("abc");
    });

    it("takes a repeated chunk once, and the new part of one that overlaps", async () => {
      await append(0, "abcdef");
      expect(await append(0, "abcdef")).toEqual({ ok: true, committed: 6 });
      expect(await append(2, "cd")).toEqual({ ok: true, committed: 6 });
      expect(await append(4, "efgh")).toEqual({ ok: true, committed: 8 });
      expect(await append(8, "")).toEqual({ ok: true, committed: 8 });
      expect(await text()).toBe("abcdefgh");
    });

    it("never writes over what a reader may have seen", async () => {
      await append(0, "abcdef");
      expect(await append(4, "XX")).toEqual({ ok: false, code: "log_differs", expected: 6 });
      expect(await append(0, "Zbcdefgh")).toEqual({ ok: false, code: "log_differs", expected: 6 });
      expect(await text()).toBe("abcdef");
    });

    it("throws for an offset or a fence that is none", async () => {
      for (const offset of [-1, 0.5, NaN, 2 ** 60]) await expect(append(offset, "x")).rejects.toThrow(RangeError);
      for (const fence of [-1, 1.5, NaN])
        await expect(append(0, "x", { jobId: "j", fence })).rejects.toThrow(RangeError);
    });

    it("carries out calls in the order they were made", async () => {
      const chunks = Array.from({ length: 500 }, (_, i) => `${i},`);
      let offset = 0;
      const answers = chunks.map((chunk) => {
        const answer = append(offset, chunk);
        offset += chunk.length;
        return answer;
      });
      const sealed = seal(chunks.join(""));
      for (const answer of await Promise.all(answers)) expect(answer.ok).toBe(true);
      expect(await sealed).toEqual({ ok: true });
      expect(await text()).toBe(chunks.join(""));
    });

    it("holds any bytes", async () => {
      const bytes = randomBytes(300_000);
      await append(0, bytes);
      expect((await collect(logs.read(KEY))).equals(bytes)).toBe(true);
      for await (const piece of logs.read(KEY)) expect(piece.length).toBeLessThanOrEqual(65_536);
    });

    it("refuses what would make a log larger than its limit, and keeps what it has", async () => {
      await logs.close();
      ({ logs } = harness.open({ logBytes: 10 }));
      await append(0, "12345678");
      expect(await append(8, "9ab")).toEqual({ ok: false, code: "log_too_large", limit: 10 });
      expect(await append(8, "9a")).toEqual({ ok: true, committed: 10 });
      expect(await append(0, "12345678")).toEqual({ ok: true, committed: 10 });
      expect(await text()).toBe("123456789a");
    });

    it("seals only what is complete and right, and then adds nothing", async () => {
      await append(0, "abc");
      expect(await seal("abcd")).toEqual({ ok: false, code: "log_incomplete", expected: 3 });
      expect(await seal("abX")).toEqual({ ok: false, code: "log_differs", expected: 3 });
      expect(await seal("ab")).toEqual({ ok: false, code: "log_differs", expected: 3 });
      expect(await logs.size(KEY)).toEqual({ bytes: 3, sealed: false });
      expect(await seal("abc")).toEqual({ ok: true });
      expect(await seal("abc")).toEqual({ ok: true });
      expect(await seal("abcd")).toEqual({ ok: false, code: "log_differs", expected: 3 });
      expect(await append(3, "d")).toEqual({ ok: false, code: "log_differs", expected: 3 });
      expect(await append(1, "bc")).toEqual({ ok: true, committed: 3 });
      expect(await logs.size(KEY)).toEqual({ bytes: 3, sealed: true });
    });

    it("seals an attempt that said nothing", async () => {
      expect(await seal("")).toEqual({ ok: true });
      expect(await logs.size(KEY)).toEqual({ bytes: 0, sealed: true });
      expect(await logs.fences(KEY.jobId)).toEqual([3]);
    });

    it("refuses a fence once a higher one was seen, for logs, seals and artifacts, and still reads it", async () => {
      await append(0, "old");
      await append(0, "new", { ...KEY, fence: 4 });
      const lost = { ok: false, code: "lease_lost", fence: 4 };
      expect(await append(3, "!")).toEqual(lost);
      expect(await seal("old")).toEqual(lost);
      expect(await put("a.txt", "x")).toEqual(lost);
      expect(await text()).toBe("old");
      expect(await logs.fences(KEY.jobId)).toEqual([3, 4]);
      expect(await append(0, "other", { jobId: "job-2", fence: 1 })).toMatchObject({ ok: true });
    });

    it("remembers the highest fence over a restart", async () => {
      await put("a.txt", "x", { ...KEY, fence: 9 });
      await logs.close();
      ({ logs, artifacts } = harness.open());
      expect(await append(0, "x")).toEqual({ ok: false, code: "lease_lost", fence: 9 });
    });

    it("keeps jobs apart whatever their ids look like", async () => {
      const jobIds = ["a", "A", "..", ".", "a.b", "a:b", "a_b", "a-b", "aux", "x".repeat(128)];
      for (const jobId of jobIds) await append(0, `log of ${jobId}`, { jobId, fence: 1 });
      for (const jobId of jobIds) expect(await text({ jobId, fence: 1 })).toBe(`log of ${jobId}`);
    });

    it("gives a follower everything from its offset on and ends at the seal", async () => {
      await append(0, "one ");
      const followed = collect(logs.follow({ ...KEY, from: 2, signal: AbortSignal.timeout(20_000) }));
      await append(4, "two ");
      await append(8, "three");
      await seal("one two three");
      expect((await followed).toString()).toBe("e two three");
      expect((await collect(logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) }))).toString()).toBe(
        "one two three",
      );
    });

    it("gives a follower each byte as it comes, also when it came before the stream", async () => {
      const follower = logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) })[Symbol.asyncIterator]();
      for (const [i, chunk] of ["a", "b", "c"].entries()) {
        const next = follower.next();
        await append(i, chunk);
        expect(Buffer.from((await next).value ?? []).toString()).toBe(chunk);
      }
      await seal("abc");
      expect((await follower.next()).done).toBe(true);
    });

    it("gives a follower what is there once nothing more will come, and ends", async () => {
      const over = new AbortController();
      const follow = () => logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000), over: over.signal });
      await append(0, "one ");
      const follower = follow()[Symbol.asyncIterator]();
      await follower.next();
      const next = follower.next();
      over.abort();
      expect((await next).done).toBe(true);
      await append(4, "two");
      expect((await collect(follow())).toString()).toBe("one two");
    });

    it("lets followers go when aborted, when a higher fence comes and when the store closes", async () => {
      const controller = new AbortController();
      const follow = (fence: number) => logs.follow({ ...KEY, fence, signal: AbortSignal.timeout(20_000) });
      await append(0, "x");
      const aborted = logs.follow({ ...KEY, signal: controller.signal })[Symbol.asyncIterator]();
      await aborted.next();
      const waiting = aborted.next();
      controller.abort();
      expect((await waiting).done).toBe(true);
      const [superseded, closed] = [collect(follow(3)), follow(4)[Symbol.asyncIterator]()];
      await append(0, "y", { ...KEY, fence: 4 });
      expect((await superseded).toString()).toBe("x");
      expect((await collect(follow(3))).toString()).toBe("x");
      await closed.next();
      const last = closed.next();
      await logs.close();
      expect((await last).done).toBe(true);
      await logs.close();
      await expect(append(1, "z")).rejects.toThrow(/closed/);
    });

    it("keeps everything over a close", async () => {
      await append(0, "abc");
      await logs.close();
      ({ logs, artifacts } = harness.open());
      expect(await logs.size(KEY)).toEqual({ bytes: 3, sealed: false });
      expect(await append(3, "def")).toEqual({ ok: true, committed: 6 });
      expect(await seal("abcdef")).toEqual({ ok: true });
    });

    it("loses at most what was not flushed in a power loss; the worker rewinds and the log is byte-exact", async () => {
      await append(0, "flushed ");
      await logs.flush();
      await append(8, "not flushed");
      await append(0, "sealed", { jobId: "job-2", fence: 1 });
      await seal("sealed", { jobId: "job-2", fence: 1 });
      await harness.crash();
      ({ logs, artifacts } = harness.open());
      expect(await append(20, "!")).toEqual({
        ok: false,
        code: "wrong_offset",
        expected: harness.flushesAlways === true ? 19 : 8,
      });
      expect(await append(8, "not flushed!")).toEqual({ ok: true, committed: 20 });
      expect(await seal("flushed not flushed!")).toEqual({ ok: true });
      expect(await logs.size({ jobId: "job-2", fence: 1 })).toEqual({ bytes: 6, sealed: true });
    });

    it("is byte-exact for any chunks, repeats and gaps", async () => {
      let run = 0;
      const chunk = fc.record({ back: fc.integer({ min: -3, max: 12 }), size: fc.integer({ min: 0, max: 40 }) });
      await fc.assert(
        fc.asyncProperty(
          fc.array(chunk, { maxLength: 60 }),
          fc.uint8Array({ minLength: 4000, maxLength: 4000 }),
          async (chunks, whole) => {
            run += 1;
            const key = { jobId: `random-${run}`, fence: 1 };
            let committed = 0;
            const answers = chunks.map(({ back, size }) => {
              const offset = Math.max(0, committed - back);
              const isGap = offset > committed;
              const expected = isGap ? committed : Math.max(committed, offset + size);
              committed = expected;
              return { answer: append(offset, whole.subarray(offset, offset + size), key), isGap, expected };
            });
            for (const { answer, isGap, expected } of answers) {
              expect(await answer).toEqual(
                isGap ? { ok: false, code: "wrong_offset", expected } : { ok: true, committed: expected },
              );
            }
            const right = whole.subarray(0, committed);
            expect((await collect(logs.read(key))).equals(right)).toBe(true);
            expect(await seal(right, key)).toEqual({ ok: true });
          },
        ),
        { numRuns: 40 },
      );
    });

    const put = (
      fileName: string,
      content: string | Uint8Array,
      key = KEY,
      more: { sha256?: string; bytes?: number } = {},
    ) =>
      artifacts.putArtifact({
        ...key,
        name: fileName,
        stream: inPieces(Buffer.from(content)),
        sha256: sha256(content),
        ...more,
      });

    it("keeps a file whole, lists it and gives it back", async () => {
      const content = randomBytes(200_000);
      const artifact = { fence: 3, name: "report.md", bytes: 200_000, sha256: sha256(content) };
      expect(await put("report.md", content, KEY, { bytes: 200_000 })).toEqual({ ok: true, artifact });
      expect(await put("empty", "", { ...KEY, fence: 4 })).toMatchObject({ ok: true });
      expect(await artifacts.listArtifacts({ jobId: KEY.jobId, fence: 3 })).toEqual([artifact]);
      expect((await artifacts.listArtifacts({ jobId: KEY.jobId })).map((each) => each.name)).toEqual([
        "report.md",
        "empty",
      ]);
      const read = await artifacts.readArtifact({ ...KEY, name: "report.md" });
      expect(read?.artifact).toEqual(artifact);
      expect((await collect(read?.stream ?? [])).equals(content)).toBe(true);
      expect(await logs.fences(KEY.jobId)).toEqual([]);
    });

    it("takes the same file again, but no other one under its name", async () => {
      await put("a", "one");
      expect(await put("a", "one")).toMatchObject({ ok: true, artifact: { name: "a", bytes: 3 } });
      expect(await put("a", "two")).toEqual({ ok: false, code: "artifact_exists", sha256: sha256("one") });
      expect(
        (await Promise.all(["x", "y", "z"].map((content) => put("b", content)))).filter(({ ok }) => ok),
      ).toHaveLength(1);
    });

    it("keeps nothing of a file that is not what was announced, is too large, or breaks off", async () => {
      await logs.close();
      ({ logs, artifacts } = harness.open({ artifactBytes: 10, artifacts: 1 }));
      const wrong = { ok: false, code: "artifact_mismatch", bytes: 1, sha256: sha256("x") };
      expect(await put("a", "x", KEY, { sha256: sha256("y") })).toEqual(wrong);
      expect(await put("a", "x", KEY, { bytes: 2 })).toEqual(wrong);
      expect(await put("a", "x".repeat(11))).toEqual({ ok: false, code: "artifact_too_large", limit: 10 });
      expect(await put("a", "x", KEY, { bytes: 11 })).toEqual({ ok: false, code: "artifact_too_large", limit: 10 });
      await expect(artifacts.putArtifact({ ...KEY, name: "a", stream: broken(), sha256: sha256("x") })).rejects.toThrow(
        "connection lost",
      );
      expect(await artifacts.listArtifacts({ jobId: KEY.jobId })).toEqual([]);
      expect(await put("a", "x")).toMatchObject({ ok: true });
      expect(await put("b", "x")).toEqual({ ok: false, code: "too_many_artifacts", limit: 1 });
    });

    it("refuses every name that could be more than a name", async () => {
      for (const name of [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "../a",
        "a\\b",
        "a\0b",
        "a b",
        "ä",
        "~",
        "a~b",
        "x".repeat(129),
      ]) {
        expect(await put(name, "x")).toEqual({ ok: false, code: "bad_name" });
        expect(await artifacts.readArtifact({ ...KEY, name })).toBeNull();
      }
      expect(await put("x".repeat(128), "x")).toMatchObject({ ok: true });
    });

    it("refuses a file whose lease ended while its bytes arrived", async () => {
      async function* slow() {
        yield Buffer.from("x");
        await append(0, "new", { ...KEY, fence: 4 });
      }
      expect(await artifacts.putArtifact({ ...KEY, name: "a", stream: slow(), sha256: sha256("x") })).toEqual({
        ok: false,
        code: "lease_lost",
        fence: 4,
      });
      expect(await artifacts.listArtifacts({ jobId: KEY.jobId })).toEqual([]);
    });

    it("forgets a job whole and lets it begin anew", async () => {
      await append(0, "x");
      await put("a", "x");
      const follower = logs.follow({ ...KEY, signal: AbortSignal.timeout(20_000) })[Symbol.asyncIterator]();
      await follower.next();
      const next = follower.next();
      await logs.remove(KEY.jobId);
      expect((await next).done).toBe(true);
      expect(await logs.size(KEY)).toBeNull();
      expect(await artifacts.listArtifacts({ jobId: KEY.jobId })).toEqual([]);
      expect(await append(0, "y")).toEqual({ ok: true, committed: 1 });
      expect(await text()).toBe("y");
    });
  });
}

async function collect(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7000) yield bytes.subarray(at, at + 7000);
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("x");
  throw new Error("connection lost");
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
