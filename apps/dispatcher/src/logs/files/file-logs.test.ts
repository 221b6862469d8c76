import { mkdtemp, open as openFile, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { logSuite } from "../contract.suite.ts";
import { decodeEnds } from "./ends.ts";
import { type FileLogs, openFileLogs } from "./file-logs.ts";
import { attemptPaths } from "./folders.ts";

const KEY = { jobId: "job-1", fence: 1 };
const NEVER_MS = 3_600_000;

logSuite("files", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hive-logs-"));
  let logs: FileLogs | null = null;
  return {
    open(limits = {}) {
      const opened = openFileLogs({ folder, limits, flushMs: NEVER_MS });
      logs = opened.logs;
      return opened;
    },
    // What a power loss leaves of an appended file: at worst nothing beyond the last flush.
    crash: () => cutToDurable(folder, [KEY, { jobId: "job-1", fence: 3 }, { jobId: "job-2", fence: 1 }], logs),
    dispose: () => rm(folder, { recursive: true }),
  };
});

async function cutToDurable(folder: string, keys: readonly { jobId: string; fence: number }[], logs: FileLogs | null) {
  const files: { path: string; bytes: number }[] = [];
  const lists: { path: string; bytes: Buffer }[] = [];
  for (const { jobId, fence } of keys) {
    const { log, ends } = attemptPaths(folder, jobId, fence);
    const list = await readFile(ends).catch(() => null);
    if (list === null) continue;
    files.push({ path: log, bytes: decodeEnds(list).at(-1)?.bytes ?? 0 });
    lists.push({ path: ends, bytes: list });
  }
  await logs?.close();
  for (const { path, bytes } of files) await truncate(path, bytes);
  for (const { path, bytes } of lists) await truncate(path, bytes.length);
}

describe("log files", () => {
  let folder: string;
  let logs: FileLogs;
  const paths = () => attemptPaths(folder, KEY.jobId, KEY.fence);
  const reopen = (more = {}) => {
    ({ logs } = openFileLogs({ folder, flushMs: NEVER_MS, ...more }));
    return logs;
  };
  const append = (offset: number, text: string) => logs.append({ ...KEY, offset, bytes: Buffer.from(text) });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "hive-logs-"));
    reopen();
  });
  afterEach(async () => {
    await logs.close();
    await rm(folder, { recursive: true });
  });

  async function damage(path: string, at: number, bytes: string): Promise<void> {
    await using file = await openFile(path, "r+");
    await file.write(Buffer.from(bytes), 0, bytes.length, at);
  }

  it("cuts a tail of zeros or garbage back to the last flush that its bytes confirm", async () => {
    await append(0, "first ");
    await logs.flush();
    await append(6, "second ");
    await logs.flush();
    await logs.close();
    await damage(paths().log, 13, "\0\0\0garbage");
    expect(await reopen().size(KEY)).toEqual({ bytes: 13, sealed: false });
    await logs.close();
    await damage(paths().log, 8, "\0\0");
    expect(await reopen().size(KEY)).toEqual({ bytes: 6, sealed: false });
    expect(await append(6, "second ")).toEqual({ ok: true, committed: 13 });
    expect(await readFile(paths().log, "utf8")).toBe("first second ");
  });

  it("does not believe a list of ends that was torn or altered", async () => {
    await append(0, "first ");
    await logs.flush();
    await append(6, "second");
    await logs.close();
    await truncate(paths().ends, 37);
    expect(await reopen().size(KEY)).toEqual({ bytes: 6, sealed: false });
    await logs.close();
    await damage(paths().ends, 5, "x");
    expect(await reopen().size(KEY)).toEqual({ bytes: 0, sealed: false });
  });

  it.each([
    ["torn", (list: Buffer) => list.subarray(0, list.length - 13)],
    ["of bytes that were lost", (list: Buffer) => list],
  ])("keeps what is sealed after a power loss that left a last end %s", async (_what, left) => {
    await append(0, "first ");
    await logs.flush();
    await append(6, "and more");
    await logs.flush();
    const { log, ends } = paths();
    const list = await readFile(ends);
    await logs.close();
    await writeFile(ends, left(list));
    await truncate(log, 8);
    reopen();
    expect(await append(6, "and more")).toMatchObject({ ok: true });
    expect(await logs.seal({ ...KEY, bytes: 14, crc32: crc32("first and more") })).toEqual({ ok: true });
    await logs.close();
    reopen();
    expect(await logs.size(KEY)).toEqual({ bytes: 14, sealed: true });
  });

  it("begins a list of ends anew where only the list of a lost log is left", async () => {
    await append(0, "lost");
    await logs.flush();
    await logs.close();
    await rm(paths().log);
    reopen();
    await append(0, "said again");
    expect(await logs.seal({ ...KEY, bytes: 10, crc32: crc32("said again") })).toEqual({ ok: true });
    await logs.close();
    reopen();
    expect(await logs.size(KEY)).toEqual({ bytes: 10, sealed: true });
  });

  it("keeps few files open for many jobs, and all of them byte-exact", async () => {
    await logs.close();
    reopen({ openFiles: 2, jobsKept: 3 });
    for (let round = 0; round < 4; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          logs.append({ jobId: `j${i}`, fence: 1, offset: round * 4, bytes: Buffer.from(`r${round}..`) }),
        ),
      );
      for (const answer of answers) expect(answer).toEqual({ ok: true, committed: round * 4 + 4 });
      await logs.flush();
      expect(logs.openFiles).toBeLessThanOrEqual(2);
    }
    const whole = "r0..r1..r2..r3..";
    for (let i = 0; i < 20; i += 1) {
      expect(await logs.seal({ jobId: `j${i}`, fence: 1, bytes: 16, crc32: crc32(whole) })).toEqual({ ok: true });
    }
  });

  it("flushes growing logs by itself", async () => {
    await logs.close();
    reopen({ flushMs: 1 });
    await append(0, "x");
    await expect
      .poll(
        () =>
          readFile(paths().ends).then(
            (list) => decodeEnds(list).length,
            () => 0,
          ),
        { timeout: 10_000 },
      )
      .toBe(1);
  });

  it("never makes a path of a job's id and lets nobody else read", async () => {
    await logs.append({ jobId: "../../escape", fence: 1, offset: 0, bytes: Buffer.from("x") });
    await logs.append({ jobId: "..", fence: 1, offset: 0, bytes: Buffer.from("x") });
    for (const name of await readdir(folder, { recursive: true }))
      expect(name).toMatch(/^[0-9a-f]{2}(\/[0-9a-f]{40}(\/0{7}1\.(log|ends))?)?$/);
  });
});
