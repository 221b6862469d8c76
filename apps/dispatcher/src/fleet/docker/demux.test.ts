import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDemux, DemuxError, type OutputStream } from "./demux.ts";

interface Frame {
  readonly stream: OutputStream;
  readonly body: Uint8Array;
}

function bytesOf(frames: readonly Frame[]): Buffer {
  return Buffer.concat(
    frames.flatMap(({ stream, body }) => {
      const head = Buffer.alloc(8);
      head[0] = stream === "stderr" ? 2 : 1;
      head.writeUInt32BE(body.length, 4);
      return [head, body];
    }),
  );
}

/** What came out of each stream, given these chunks. */
function through(chunks: readonly Uint8Array[]): { stdout: string; stderr: string; isWhole: boolean } {
  const out: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
  const demux = createDemux((stream, piece) => {
    expect(piece.length).toBeGreaterThan(0);
    out[stream].push(Buffer.from(piece));
  });
  for (const chunk of chunks) demux.push(chunk);
  const hex = (stream: OutputStream): string => Buffer.concat(out[stream]).toString("hex");
  return { stdout: hex("stdout"), stderr: hex("stderr"), isWhole: demux.isWhole() };
}

function expected(frames: readonly Frame[]): { stdout: string; stderr: string; isWhole: boolean } {
  const of = (wanted: OutputStream): string =>
    Buffer.concat(frames.filter(({ stream }) => stream === wanted).map(({ body }) => body)).toString("hex");
  return { stdout: of("stdout"), stderr: of("stderr"), isWhole: true };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.filter((edge) => edge <= bytes.length).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

const frame: fc.Arbitrary<Frame> = fc.record({
  stream: fc.constantFrom<OutputStream>("stdout", "stderr"),
  body: fc.uint8Array({ maxLength: 40 }),
});

describe("the engine's log stream, taken apart", () => {
  it("gives back each stream's bytes wherever the chunks are cut", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(600), { maxLength: 40 }), (frames, at) => {
        expect(through(cut(bytesOf(frames), at))).toEqual(expected(frames));
      }),
      { numRuns: 2_000 },
    );
  });

  it("does so for every pair of cuts through three frames, and byte by byte", () => {
    const frames: Frame[] = [
      { stream: "stdout", body: Buffer.from("one\n") },
      { stream: "stderr", body: Buffer.from("") },
      { stream: "stderr", body: Buffer.from("\x01\0\0\0\0\0\0\x02zz") },
    ];
    const bytes = bytesOf(frames);
    for (let a = 0; a <= bytes.length; a += 1) {
      for (let b = a; b <= bytes.length; b += 1) expect(through(cut(bytes, [a, b]))).toEqual(expected(frames));
    }
    expect(through([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected(frames));
  });

  it("knows a log that was cut inside a frame", () => {
    const bytes = bytesOf([{ stream: "stdout", body: Buffer.from("whole") }]);
    for (let end = 1; end < bytes.length; end += 1) expect(through([bytes.subarray(0, end)]).isWhole).toBe(false);
  });

  it("hands on views of the chunks: nothing is copied or kept of a long frame", () => {
    const head = Buffer.from([1, 0, 0, 0, 0x40, 0, 0, 0]);
    const chunk = Buffer.alloc(65_536, 1);
    let seen = 0;
    const demux = createDemux((_stream, piece) => {
      expect(piece.buffer).toBe(chunk.buffer);
      seen += piece.length;
    });
    demux.push(head);
    for (let n = 0; n < 16_384; n += 1) demux.push(chunk);
    expect(seen).toBe(0x4000_0000);
    expect(demux.isWhole()).toBe(true);
  });

  it("takes no output of a terminal, a wrong stream or a wrong start for a frame, and stays refused", () => {
    for (const text of ["plain text of a terminal", "\x01\0\x01\0\0\0\0\x01x", "\x04\0\0\0\0\0\0\x01x"]) {
      const demux = createDemux(() => expect.unreachable());
      expect(() => demux.push(Buffer.from(text))).toThrow(DemuxError);
      expect(() => demux.push(bytesOf([{ stream: "stdout", body: Buffer.from("x") }]))).toThrow(DemuxError);
    }
  });
});
