/**
 * Makes lines of a container's output. The engine is asked for times (`timestamps=1`), so that a log that was cut, by an
 * engine that restarted, goes on where it stopped and no line is told twice.
 */

/** Longer lines are cut: what a worker says of itself is short, and a broken one must not fill our memory. */
export const MAX_LINE_BYTES = 8_192;

/** `2026-11-23T04:26:00.123456789Z `: nine digits always, so that times compare as text. */
const TIME_BYTES = 31;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) /;
const NEWLINE = 0x0a;

/** One line of output. */
export interface LogLine {
  /** When the engine took it, as the engine writes it; null when it did not say. */
  readonly at: string | null;
  readonly text: string;
}

/** Takes pieces of one stream and tells its lines; `end` tells what is left without a line feed. */
export function createLineReader(onLine: (line: LogLine) => void): { push(piece: Uint8Array): void; end(): void } {
  const kept = Buffer.allocUnsafe(TIME_BYTES + MAX_LINE_BYTES);
  let length = 0;

  function tell(): void {
    const text = kept.toString("utf8", 0, length).replace(/\r$/, "");
    length = 0;
    const at = TIME.exec(text)?.[1] ?? null;
    onLine({ at, text: at === null ? text : text.slice(TIME_BYTES) });
  }

  return {
    push(piece) {
      let from = 0;
      for (;;) {
        const newline = piece.indexOf(NEWLINE, from);
        const end = newline === -1 ? piece.length : newline;
        const fits = Math.min(end - from, kept.length - length);
        kept.set(piece.subarray(from, from + fits), length);
        length += fits;
        if (newline === -1) return;
        tell();
        from = newline + 1;
      }
    },
    end() {
      if (length > 0) tell();
    },
  };
}
