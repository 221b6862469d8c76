/**
 * Where the lines of a log are, without its bytes: every thousandth line or so is remembered (a block), the lines between
 * are found again when the block's bytes are there. A log of a million lines is an index of some thousand numbers.
 */

/** A block ends at the first line that begins beyond one of these. */
const BLOCK_LINES = 1_024;
const BLOCK_BYTES = 65_536;
/** Of a block's bytes so many are ever kept: its last line may be as long as the log. */
export const BLOCK_KEPT = BLOCK_BYTES + 16_384;

const NEWLINE = 10;

export interface Block {
  readonly at: number;
  /** Of its first line, from 0. */
  readonly line: number;
  readonly lines: number;
  readonly from: number;
  readonly to: number;
  /** Its one line stands for bytes that the server did not keep. */
  readonly isGap: boolean;
}

/** The beginning of a block's bytes, and where its lines begin in them. */
export interface BlockBytes {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
}

/** Splits the bytes of a block. */
export function blockBytes(bytes: Uint8Array): BlockBytes {
  const starts = [0];
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, end + 1)) {
    if (end + 1 < bytes.length) starts.push(end + 1);
  }
  return { bytes, starts };
}

export interface LineIndexOptions {
  /** A block is complete; its bytes are in hand. */
  readonly onBlock: (at: number, bytes: BlockBytes) => void;
  /** Hears the beginning of each whole line that begins with `#`. */
  readonly onMark: (line: number, bytes: Uint8Array) => void;
}

export class LineIndex {
  readonly #options: LineIndexOptions;
  #firstLines = new Float64Array(256);
  #firstBytes = new Float64Array(256);
  readonly #gaps = new Map<number, number>();
  #blocks = 0;
  /** Lines with an end, and the bytes seen. */
  #ended = 0;
  #bytes = 0;
  #lineFrom = 0;
  #open = new Uint8Array(BLOCK_KEPT);
  #openStarts: number[] = [];

  constructor(options: LineIndexOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Lines so far; the last one may go on. */
  get lines(): number {
    return this.#ended + (this.#bytes > this.#lineFrom ? 1 : 0);
  }

  get blocks(): number {
    return this.#blocks;
  }

  /** The next bytes of the log; not kept. */
  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline === -1 ? chunk.length : newline + 1;
      this.#addPart(chunk.subarray(at, end), newline !== -1);
      at = end;
    }
  }

  /** The bytes up to `to` are not there any more: one line stands for them. */
  skip(to: number): void {
    if (this.#bytes > this.#lineFrom) this.#endLine();
    this.#close();
    this.#begin();
    this.#gaps.set(this.#blocks - 1, to);
    this.#bytes = to;
    this.#lineFrom = to;
    this.#ended += 1;
    this.#openStarts = [];
  }

  /** The block with this line. */
  blockOf(line: number): Block | null {
    if (line < 0 || line >= this.lines) return null;
    let low = 0;
    let high = this.#blocks - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#firstLines[middle] ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return this.block(low);
  }

  block(at: number): Block {
    const isLast = at === this.#blocks - 1;
    const line = this.#firstLines[at] ?? 0;
    const next = isLast ? this.lines : (this.#firstLines[at + 1] ?? 0);
    const to = this.#gaps.get(at) ?? (isLast ? this.#bytes : (this.#firstBytes[at + 1] ?? 0));
    return { at, line, lines: next - line, from: this.#firstBytes[at] ?? 0, to, isGap: this.#gaps.has(at) };
  }

  /** The block that still grows. */
  openBytes(): BlockBytes {
    const from = this.#firstBytes[this.#blocks - 1] ?? 0;
    return { bytes: this.#open.subarray(0, Math.min(this.#bytes - from, BLOCK_KEPT)), starts: this.#openStarts };
  }

  #addPart(part: Uint8Array, isEnd: boolean): void {
    if (this.#bytes === this.#lineFrom) this.#beginLine();
    const at = this.#bytes - (this.#firstBytes[this.#blocks - 1] ?? 0);
    if (at < BLOCK_KEPT) this.#open.set(part.subarray(0, BLOCK_KEPT - at), at);
    this.#bytes += part.length;
    if (isEnd) this.#endLine();
  }

  #beginLine(): void {
    const last = this.#blocks - 1;
    const isFull =
      last < 0 ||
      this.#gaps.has(last) ||
      this.#ended - (this.#firstLines[last] ?? 0) >= BLOCK_LINES ||
      this.#bytes - (this.#firstBytes[last] ?? 0) >= BLOCK_BYTES;
    if (isFull) {
      this.#close();
      this.#begin();
    }
    this.#openStarts.push(this.#bytes - (this.#firstBytes[this.#blocks - 1] ?? 0));
  }

  #endLine(): void {
    const from = this.#openStarts.at(-1) ?? 0;
    if (this.#open[from] === 0x23) {
      const length = Math.min(this.#bytes - this.#lineFrom, BLOCK_KEPT - from);
      this.#options.onMark(this.#ended, this.#open.subarray(from, from + length));
    }
    this.#ended += 1;
    this.#lineFrom = this.#bytes;
  }

  #close(): void {
    const last = this.#blocks - 1;
    if (last < 0 || this.#gaps.has(last)) return;
    const { bytes, starts } = this.openBytes();
    this.#options.onBlock(last, { bytes: bytes.slice(), starts });
  }

  #begin(): void {
    if (this.#blocks === this.#firstLines.length) {
      this.#firstLines = doubled(this.#firstLines);
      this.#firstBytes = doubled(this.#firstBytes);
    }
    this.#firstLines[this.#blocks] = this.#ended;
    this.#firstBytes[this.#blocks] = this.#bytes;
    this.#blocks += 1;
    this.#openStarts = [];
  }
}

function doubled(from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const to = new Float64Array(from.length * 2);
  to.set(from);
  return to;
}
