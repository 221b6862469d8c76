/**
 * Lets a tar archive through, block by block, and stops at the first thing a cache has no business to hold. What is in
 * a cache was made by programs of some job: it may say anything. tar itself refuses a good deal, and has had holes; here
 * only what we know to be harmless passes, before tar sees it: files, folders and symbolic links below one folder, no
 * path out of it, nothing written through a link, and no more of it than agreed.
 *
 * A symbolic link may point anywhere (`.venv/bin/python` does). It is a name the job's own user could make itself, and
 * it is only ever followed by that user.
 */

/** What an archive may hold. */
export interface ArchiveRules {
  /** The folder everything is in, relative, as `a/b`. */
  readonly path: string;
  /** Bytes of all of it, unpacked, headers included. */
  readonly maxBytes: number;
  /** Files, folders and links. */
  readonly maxEntries: number;
}

/** The archive is none of ours; the message says why, for a line of the job's log. */
export class ArchiveRefused extends Error {
  override readonly name = "ArchiveRefused";
}

const BLOCK = 512;
/** Bytes of the longest path or link. */
const NAME_LONGEST = 65_536;
/** Zeros after the end: tar fills up its last record. */
const END_LONGEST = 1_048_576;

/** The same bytes, each block checked before it is handed on. @throws ArchiveRefused */
export async function* checkArchive(
  archive: AsyncIterable<Uint8Array>,
  rules: ArchiveRules,
): AsyncGenerator<Uint8Array> {
  const input = new Blocks(archive);
  const links = new Set<string>();
  let entries = 0;
  let bytes = 0;
  let longName: string | null = null;
  for (;;) {
    const header = await input.take(BLOCK);
    if (isZero(header)) {
      yield header;
      yield* checkEnd(input);
      return;
    }
    const { type, name, size } = readHeader(header);
    bytes += BLOCK + padded(size);
    if (bytes > rules.maxBytes) throw new ArchiveRefused(`it has more than ${rules.maxBytes} bytes unpacked`);
    if (type === "L" || type === "K") {
      if (size > NAME_LONGEST) throw new ArchiveRefused("it has a name that is too long");
      const body = await input.take(padded(size));
      if (type === "L") longName = text(body.subarray(0, size));
      yield header;
      yield body;
      continue;
    }
    entries += 1;
    if (entries > rules.maxEntries) throw new ArchiveRefused(`it has more than ${rules.maxEntries} files`);
    const path = longName ?? name;
    longName = null;
    checkEntry(type, path, size, rules.path, links);
    yield header;
    yield* input.pass(padded(size));
  }
}

function checkEntry(type: string, given: string, size: number, folder: string, links: Set<string>): void {
  const shown = JSON.stringify(given.slice(0, 200));
  if (!["0", "2", "5"].includes(type)) throw new ArchiveRefused(`${shown} is neither a file, a folder nor a link`);
  if (type !== "0" && size > 0) throw new ArchiveRefused(`${shown} has bytes where there can be none`);
  const path = type === "5" ? given.replace(/\/$/, "") : given;
  const top = Buffer.from(folder, "utf8").toString("latin1");
  const parts = path.split("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  const isThere = path === top ? type === "5" : path.startsWith(`${top}/`);
  if (!isPlain || !isThere) throw new ArchiveRefused(`${shown} is not inside ${folder}`);
  for (let at = parts.length; at > 0; at -= 1) {
    if (links.has(parts.slice(0, at).join("/"))) throw new ArchiveRefused(`${shown} goes through a link`);
  }
  if (type === "2") links.add(path);
}

/** tar reads no further than here, so neither may anybody else. */
async function* checkEnd(input: Blocks): AsyncGenerator<Uint8Array> {
  let size = 0;
  for (;;) {
    const piece = await input.rest();
    if (piece === null) return;
    size += piece.length;
    if (size > END_LONGEST || !isZero(piece)) throw new ArchiveRefused("it goes on after its end");
    yield piece;
  }
}

interface Header {
  readonly type: string;
  readonly name: string;
  readonly size: number;
}

/** Only what `tar --format=gnu` writes, so that there is one way to read it. */
function readHeader(header: Buffer): Header {
  if (header.toString("latin1", 257, 265) !== "ustar  \0") throw new ArchiveRefused("it is no archive of ours");
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += at >= 148 && at < 156 ? 32 : (header[at] ?? 0);
  if (sum !== octal(header.subarray(148, 156))) throw new ArchiveRefused("it is damaged");
  return {
    type: header.toString("latin1", 156, 157),
    name: text(header.subarray(0, 100)),
    size: octal(header.subarray(124, 136)),
  };
}

/** @throws ArchiveRefused for anything but octal digits: the other forms are for sizes beyond every limit */
function octal(field: Buffer): number {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(field.toString("latin1"))?.[1];
  if (digits === undefined) throw new ArchiveRefused("it is damaged");
  return Number.parseInt(digits, 8);
}

/** Up to the first zero byte. One character for each byte: paths are compared as bytes. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? field.length : end);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The archive's bytes in the pieces we ask for. */
class Blocks {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly so many. */
  async take(size: number): Promise<Buffer> {
    const pieces = [this.#held];
    let have = this.#held.length;
    while (have < size) {
      const piece = await this.#next();
      pieces.push(piece);
      have += piece.length;
    }
    const all = pieces.length === 1 ? this.#held : Buffer.concat(pieces);
    this.#held = all.subarray(size);
    return all.subarray(0, size);
  }

  /** So many, as they come. */
  async *pass(size: number): AsyncGenerator<Uint8Array> {
    let left = size;
    while (left > 0) {
      if (this.#held.length === 0) this.#held = await this.#next();
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** The next of what is left, or null at the end. */
  async rest(): Promise<Buffer | null> {
    if (this.#held.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#held = asBuffer(next.value);
    }
    const piece = this.#held;
    this.#held = Buffer.alloc(0);
    return piece;
  }

  async #next(): Promise<Buffer> {
    const next = await this.#source.next();
    if (next.done === true) throw new ArchiveRefused("it ends in the middle");
    return asBuffer(next.value);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
