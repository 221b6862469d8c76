import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip, gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type BackupLine, BackupRefused, type OpenBackup, openBackup, writeBackup } from "./backup-file.ts";

const HEADER = {
  version: "0.1.0",
  at: "2026-11-23T12:00:00.000Z",
  store: "sqlite",
  epoch: 7,
  storeFormat: 1,
  secretsId: "fingerprint",
};

const LINES: readonly BackupLine[] = [
  { kind: "document", collection: "jobs", id: "a", doc: { id: "a", text: "żółć 🐝\u0000\n\u2028" } },
  { kind: "document", collection: "jobs", id: "a", doc: null },
  { kind: "log", jobId: "a", fence: 1 },
  { kind: "bytes", bytes: new Uint8Array([0, 255, 10, 13]) },
  { kind: "end", whole: true },
  { kind: "file", jobId: "a", fence: 1, name: "report.md", bytes: 0, sha256: "00" },
  { kind: "end", whole: false },
];

async function textOf(lines: readonly BackupLine[] = LINES): Promise<string> {
  let text = "";
  for await (const piece of writeBackup(HEADER, iterate(lines), createHash("sha256"))) text += piece;
  return text;
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function open(pieces: readonly Uint8Array[]): Promise<OpenBackup> {
  const unpacked = createGunzip();
  pipeline(Readable.from(pieces), unpacked, () => {});
  return openBackup(unpacked, createHash("sha256"));
}

async function read(bytes: Uint8Array, piece = bytes.length): Promise<readonly BackupLine[]> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, n) =>
    bytes.subarray(n * piece, (n + 1) * piece),
  );
  const backup = await open(pieces);
  const lines: BackupLine[] = [];
  for await (const line of backup.lines) {
    lines.push(line.kind === "bytes" ? { ...line, bytes: new Uint8Array(line.bytes) } : line);
  }
  expect(backup.sum()).toMatchObject({ documents: 2, logs: 1, files: 1 });
  return lines;
}

describe("a backup", () => {
  it("says again what was put in, however it is cut in pieces on its way", async () => {
    const bytes = gzipSync(await textOf());
    for (const piece of [1, 7, 64, bytes.length]) expect(await read(bytes, piece)).toEqual(LINES);
    expect((await open([bytes])).header).toEqual({ hive: "backup", format: 1, ...HEADER });
  });

  it("is refused when it is cut anywhere", async () => {
    const bytes = gzipSync(await textOf());
    for (let length = 0; length < bytes.length; length += 1)
      await expect(read(bytes.subarray(0, length)), `${length} bytes`).rejects.toThrow(BackupRefused);
  });

  it("is refused when a line is missing at its end, although it is whole gzip", async () => {
    const lines = (await textOf()).split("\n");
    const without = `${lines.slice(0, -2).join("\n")}\n`;
    await expect(read(gzipSync(without))).rejects.toThrow("is cut off");
  });

  it("is refused when anything in it is not what was written", async () => {
    const text = await textOf();
    const changes: readonly (readonly [from: string, to: string, why: string])[] = [
      ['"id":"a"', '"id":"b"', "has other bytes than were written"],
      ['"epoch":7', '"epoch":8', "has other bytes than were written"],
      ['{"log":["a",1]}\n', "", "has other bytes than were written"],
      ['{"end":true}', '{"end":"yes"}', "has a line that nobody wrote"],
      ['"hive":"backup"', '"hive":"honey"', "this is not a backup of Hive"],
      ['"format":1', '"format":2', "use the newer one"],
    ];
    for (const [from, to, why] of changes) {
      expect(text).toContain(from);
      await expect(read(gzipSync(text.replace(from, to))), to).rejects.toThrow(why);
    }
    await expect(read(gzipSync(`${text}{"end":true}\n`))).rejects.toThrow("goes on after its end");
    await expect(read(Buffer.from("no gzip"))).rejects.toThrow(BackupRefused);
  });

  it("is refused for any flipped bit", async () => {
    const bytes = gzipSync(await textOf());
    // The ten bytes of gzip's own header say nothing about what is in it.
    for (let at = 10; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      await expect(read(flipped), `byte ${at}`).rejects.toThrow(BackupRefused);
    }
  });

  it("is lines of JSON that anybody can read", async () => {
    const lines = gunzipSync(gzipSync(await textOf()))
      .toString("utf8")
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(LINES.length + 2);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });
});
