import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { machineClock } from "../loops/clock.ts";
import { type LogStream, type LogStreamOptions, openLogStream } from "./log-stream.ts";
import type { UploadReply } from "./upload-spool.ts";

const SECRET = "hunter2-hunter2";
let folder = "";
let number = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hive-log-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The dispatcher's side: bytes are taken only where the log goes on. */
class Server {
  bytes = Buffer.alloc(0);
  calls = 0;
  stale = false;
  /** Decides about a call before it is looked at: lose the request, lose the answer, forget bytes. */
  fault: (call: number) => "lose_request" | "lose_answer" | "forget" | undefined = () => undefined;

  upload = async (offset: number, chunk: Uint8Array): Promise<UploadReply> => {
    this.calls += 1;
    await Promise.resolve();
    if (this.stale) return { ok: false, code: "stale" };
    const fault = this.fault(this.calls);
    if (fault === "lose_request") throw new Error("connection reset");
    if (fault === "forget") this.bytes = this.bytes.subarray(0, Math.floor(this.bytes.length / 2));
    if (offset !== this.bytes.length) return { ok: false, code: "wrong_offset", expected: this.bytes.length };
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (fault === "lose_answer") throw new Error("connection reset");
    return { ok: true, committed: this.bytes.length };
  };
}

/** Time that passes at once: waiting costs nothing and every back-off is over when it begins. */
const hasty = { ...machineClock, after: (_ms: number, act: () => void) => machineClock.after(0, act) };

async function withLog<T>(
  server: Server,
  use: (log: LogStream, abort: AbortController) => Promise<T>,
  options: Partial<LogStreamOptions> = {},
): Promise<T> {
  const abort = new AbortController();
  number += 1;
  const log = await openLogStream({
    spoolPath: join(folder, `${number}.log`),
    secrets: [SECRET],
    upload: server.upload,
    chunkBytes: 1_000,
    maxBytes: 1_000_000,
    flushMs: 5,
    clock: hasty,
    signal: abort.signal,
    ...options,
  });
  try {
    return await use(log, abort);
  } finally {
    abort.abort();
    await log.close();
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`never happened: ${what}`);
    await pause(2);
  }
}

test("the dispatcher gets every byte, and the end names count and CRC-32", async () => {
  const server = new Server();
  await withLog(server, async (log) => {
    await log.phase("clone");
    await log.write("no line end", "stdout");
    await log.phase("run");
    await log.write(Uint8Array.of(0xff, 0x00, 0x0a), "stderr");
    const end = await log.finish();
    const expected = Buffer.concat([
      Buffer.from("##[phase] clone\nno line end\n##[phase] run\n"),
      Buffer.from([255, 0, 10]),
    ]);
    expect(server.bytes.equals(expected)).toBe(true);
    expect(end).toEqual({ bytes: expected.length, crc32: crc32(expected), sent: "complete" });
  });
});

test("bytes are shown while the job runs, not only at its end", async () => {
  const server = new Server();
  await withLog(server, async (log) => {
    await log.write("first words\n");
    await until(() => server.bytes.toString() === "first words\n", "the first line arrived");
    await log.write("more\n");
    await until(() => server.bytes.toString() === "first words\nmore\n", "the second line arrived");
  });
});

test("secrets are hidden in the file too: cut in pieces, mixed from two streams, learnt later", async () => {
  const server = new Server();
  await withLog(server, async (log) => {
    for (const letter of `a ${SECRET} b\n`) await log.write(letter, "stdout");
    await log.write(SECRET.slice(0, 8), "stdout");
    await log.write("between.", "stderr");
    await log.write(`${SECRET.slice(8)}\n`, "stdout");
    await log.write(SECRET.slice(0, 8), "stdout");
    await log.phase("next");
    await log.hide(["learnt-later"]);
    await log.write("learnt-later\n");
    await log.finish();
    const shown = server.bytes.toString();
    expect(shown).not.toContain(SECRET);
    expect(shown).toBe("a [redacted] b\nbetween.[redacted]\nhunter2-\n##[phase] next\n[redacted]\n");
    expect(await readFile(join(folder, `${number}.log`), "utf8")).toBe(shown);
  });
});

test("two streams cannot put a secret together", async () => {
  const server = new Server();
  await withLog(server, async (log) => {
    await log.write("x hunter", "stdout");
    await log.write("2-hunter2 y", "stderr");
    await log.finish();
    expect(server.bytes.toString()).not.toContain(SECRET);
  });
});

test("lost requests, lost answers and a server that forgot bytes: the log is byte-exact all the same", async () => {
  const fault = fc.constantFrom("lose_request", "lose_answer", "forget", undefined, undefined, undefined);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 40 }),
      fc.array(fc.nat(2_500), { maxLength: 12 }),
      async (faults, sizes) => {
        const server = new Server();
        server.fault = (call) => faults[call];
        const written = Buffer.from(sizes.map((size, index) => `${index}`.repeat(size)).join(""));
        const end = await withLog(
          server,
          async (log) => {
            let at = 0;
            for (const size of sizes) {
              await log.write(written.subarray(at, at + size));
              at += size;
            }
            return log.finish();
          },
          { chunkBytes: 700 },
        );
        expect(server.bytes.equals(written)).toBe(true);
        expect(end).toEqual({ bytes: written.length, crc32: crc32(written), sent: "complete" });
      },
    ),
    { numRuns: 60 },
  );
});

test("once the lease is over nothing more is sent and writing harms nothing", async () => {
  const server = new Server();
  server.stale = true;
  await withLog(server, async (log) => {
    await log.write("words");
    expect(await log.finish()).toMatchObject({ sent: "stale", bytes: 5 });
    expect(server.calls).toBe(1);
    await log.write("more");
  });
});

test("a server that claims more than was written is not believed", async () => {
  const server = new Server();
  server.bytes = Buffer.from("somebody else's log");
  await withLog(server, async (log) => {
    await log.write("words");
    expect(await log.finish()).toMatchObject({ sent: "diverged" });
  });
});

test("an abort ends sending although the dispatcher never answers, and the file stays for a replay", async () => {
  const server = new Server();
  server.fault = () => "lose_request";
  await withLog(server, async (log, abort) => {
    await log.write("words");
    await until(() => server.calls > 2, "it was tried again");
    const finishing = log.finish();
    abort.abort();
    expect(await finishing).toEqual({ bytes: 5, crc32: crc32("words"), sent: "stopped" });
    await log.close({ keep: true });
    expect(await readFile(join(folder, `${number}.log`), "utf8")).toBe("words");
  });
});

test("a log over its limit keeps its beginning and its end, and says how much is missing", async () => {
  const server = new Server();
  const end = await withLog(
    server,
    async (log) => {
      await log.write("begin ");
      for (let index = 0; index < 20_000; index += 1) await log.write("0123456789");
      await log.write(" end");
      return log.finish();
    },
    { maxBytes: 40_000 },
  );
  const shown = server.bytes.toString();
  expect(end.bytes).toBe(shown.length);
  expect(end.bytes).toBeLessThanOrEqual(40_000);
  expect(shown).toMatch(/^begin 0123.*\n##\[cut\] [0-9]+ bytes left out: the log is too long\n.*0123456789 end$/s);
  const missing = Number(/##\[cut\] ([0-9]+)/.exec(shown)?.[1]);
  expect(shown.replace(/\n##\[cut\].*\n/, "").length + missing).toBe(200_000 + "begin  end".length);
});

test("100 MB pass with bounded memory while the dispatcher is away", async () => {
  const server = new Server();
  server.fault = () => "lose_request";
  const chunk = Buffer.alloc(65_536, "a line of sixty-four characters, which is a power of two here..\n");
  await withLog(
    server,
    async (log, abort) => {
      const before = process.memoryUsage().rss;
      for (let index = 0; index < 1_600; index += 1) await log.write(chunk, "stdout");
      expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
      abort.abort();
      expect((await log.finish()).bytes).toBe(1_600 * 65_536);
    },
    { maxBytes: 200_000_000, chunkBytes: 1_000_000 },
  );
});

test("a log closed in the middle of sending is quiet about it", async () => {
  const server = new Server();
  server.fault = () => "lose_request";
  await withLog(server, async (log) => {
    await log.write("words");
    await until(() => server.calls > 2, "it was tried");
    await log.close();
    const { calls } = server;
    await pause(50);
    expect(server.calls).toBeLessThanOrEqual(calls + 1); // the one that was under way
  });
});

test("a closed log leaves no file behind", async () => {
  await withLog(new Server(), async (log) => {
    await log.write("x");
    await log.close();
    expect(await readdir(folder)).not.toContain(`${number}.log`);
  });
});
