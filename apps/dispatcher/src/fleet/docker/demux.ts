/**
 * Takes the Docker Engine's log stream apart. It comes in frames: a head of eight bytes (which stream, three zeros, the
 * length as a big-endian number) and so many bytes of output; the network cuts it anywhere.
 *
 * A state machine with two states: in a head (of which up to eight bytes are kept) or in a body (of which only the
 * count still to come is kept). Output is handed on as views of the chunk it came in, nothing is joined and nothing is
 * copied, so memory is eight bytes whatever the frames' lengths, and time is linear in the bytes.
 */

export type OutputStream = "stdout" | "stderr";

/** The stream is no log of the engine's, or not at the start of a frame. */
export class DemuxError extends Error {
  override readonly name = "DemuxError";
}

export interface Demux {
  /** Takes the next chunk. @throws DemuxError, and for every chunk after that too */
  push(chunk: Uint8Array): void;
  /** True between two frames: a log that ends elsewhere was cut. */
  isWhole(): boolean;
}

const HEAD_BYTES = 8;
// 0 is standard input, which the engine counts as output; 3 is the engine's own word when it cannot read on.
const STREAMS: readonly (OutputStream | undefined)[] = ["stdout", "stdout", "stderr", "stderr"];

/**
 * A demultiplexer of one log.
 * @param onOutput takes a piece of output, never empty. The bytes are the chunk's own: copy what is to be kept.
 */
export function createDemux(onOutput: (stream: OutputStream, piece: Uint8Array) => void): Demux {
  const head = new Uint8Array(HEAD_BYTES);
  const fields = new DataView(head.buffer);
  let headFilled = 0;
  let bodyLeft = 0;
  let stream: OutputStream = "stdout";
  let failed: DemuxError | null = null;

  function openFrame(): void {
    const named = STREAMS[fields.getUint8(0)];
    if (named === undefined || (fields.getUint32(0) & 0x00ff_ffff) !== 0) {
      failed = new DemuxError(
        `this is no log of a Docker Engine: a frame begins with ${Buffer.from(head).toString("hex")}`,
      );
      throw failed;
    }
    stream = named;
    bodyLeft = fields.getUint32(4);
    headFilled = 0;
  }

  return {
    push(chunk) {
      if (failed !== null) throw failed;
      let at = 0;
      while (at < chunk.length) {
        if (bodyLeft > 0) {
          const end = Math.min(at + bodyLeft, chunk.length);
          bodyLeft -= end - at;
          onOutput(stream, chunk.subarray(at, end));
          at = end;
        } else {
          const taken = Math.min(HEAD_BYTES - headFilled, chunk.length - at);
          head.set(chunk.subarray(at, at + taken), headFilled);
          headFilled += taken;
          at += taken;
          if (headFilled === HEAD_BYTES) openFrame();
        }
      }
    },
    isWhole: () => headFilled === 0 && bodyLeft === 0,
  };
}
