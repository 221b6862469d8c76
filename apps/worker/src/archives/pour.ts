/** What a program prints, into a stream. */

import type { PassThrough } from "node:stream";

/** Hands a chunk on and waits while there is no room; a stream that broke takes it without a word. */
export function pour(stream: PassThrough, chunk: Uint8Array): void | Promise<void> {
  if (stream.destroyed || stream.write(chunk)) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
