/**
 * What `disk-recorder.c` wrote down, played back: for each file what was synced for certain, and what was written since.
 * Names (new files, renames, removals) count as durable at once, as journalling file systems have them after the next
 * sync of the file; bytes do not.
 */

/** A write, or a new length, that no sync has covered yet. */
export type Pending =
  | { readonly type: "write"; readonly at: number; readonly bytes: Buffer }
  | { readonly type: "truncate"; readonly size: number };

/** Kinds of records; the numbers are the recorder's. */
const WRITE = 1;
const TRUNCATE = 2;
const SYNC_BEGINS = 3;
const SYNCED = 4;
const RENAME = 5;
const UNLINK = 6;
const HEADER = 24;

/** One file as the disk may have it after a power cut. */
export class RecordedFile {
  #durable: Buffer;
  #length: number;
  #pending: Pending[] = [];
  /** How many pending changes each running sync covers, counted from the file's first change. */
  readonly #syncs = new Map<bigint, number>();
  #applied = 0;
  #foreign = 0;

  constructor(content: Buffer = Buffer.alloc(0)) {
    this.#durable = content;
    this.#length = content.length;
  }

  /** What was synced. */
  get durable(): Buffer {
    return this.#durable.subarray(0, this.#length);
  }

  /** What was not, in the order it was written. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Bytes a sync has covered although nobody saw them written (through stdio): they are as they are in the file. */
  get foreign(): number {
    return this.#foreign > this.#length ? this.#foreign : 0;
  }

  change(change: Pending): void {
    this.#pending.push(change);
  }

  syncBegins(number: bigint): void {
    this.#syncs.set(number, this.#applied + this.#pending.length);
  }

  synced(number: bigint, size: number): void {
    const count = this.#syncs.get(number);
    // It began before the record did: nothing is known of what it covers.
    if (count === undefined) return;
    this.#syncs.delete(number);
    const covered = this.#pending.splice(0, Math.max(0, count - this.#applied));
    for (const change of covered) this.#apply(change);
    this.#applied += covered.length;
    this.#foreign = size;
  }

  /** The file with these changes over what was synced. */
  with(changes: readonly Pending[]): Buffer {
    const copy = new RecordedFile(Buffer.from(this.durable));
    for (const change of changes) copy.#apply(change);
    return copy.durable;
  }

  #apply(change: Pending): void {
    if (change.type === "truncate") {
      this.#grow(change.size);
      this.#durable.fill(0, change.size, Math.max(this.#length, change.size));
      this.#length = change.size;
      return;
    }
    const end = change.at + change.bytes.length;
    this.#grow(end);
    change.bytes.copy(this.#durable, change.at);
    this.#length = Math.max(this.#length, end);
  }

  #grow(length: number): void {
    if (length <= this.#durable.length) return;
    const larger = Buffer.alloc(Math.max(length, this.#durable.length * 2, 65_536));
    this.durable.copy(larger);
    this.#durable = larger;
  }
}

/**
 * Plays a record over what the files held when it began. `files` is changed. Syncs of files that `lies` matches are
 * passed over: a disk that promised and did nothing. @throws Error for an entry of no known kind
 */
export function playBack(record: Buffer, files: Map<string, RecordedFile>, lies: RegExp = /^$/): void {
  const fileAt = (path: string): RecordedFile => {
    const known = files.get(path) ?? new RecordedFile();
    files.set(path, known);
    return known;
  };
  for (let at = 0; at < record.length; ) {
    // The program was killed while it wrote this one: it had not happened.
    if (at + HEADER > record.length) return;
    const kind = record.readUInt32LE(at);
    const pathEnd = at + HEADER + record.readUInt32LE(at + 4);
    const number = record.readBigUInt64LE(at + 8);
    const length = Number(record.readBigUInt64LE(at + 16));
    const end = pathEnd + (kind === WRITE || kind === RENAME ? length : 0);
    if (end > record.length) return;
    const path = record.toString("utf8", at + HEADER, pathEnd);
    const rest = record.subarray(pathEnd, end);
    at = end;
    if (kind === WRITE) fileAt(path).change({ type: "write", at: Number(number), bytes: rest });
    else if (kind === TRUNCATE) fileAt(path).change({ type: "truncate", size: Number(number) });
    else if (kind === SYNC_BEGINS) fileAt(path).syncBegins(number);
    else if (kind === SYNCED && !lies.test(path)) fileAt(path).synced(number, length);
    else if (kind === RENAME) rename(files, path, rest.toString("utf8"));
    else if (kind === UNLINK) files.delete(path);
    else if (kind !== SYNCED) throw new Error(`the record of the disk has an entry of kind ${kind}`);
  }
}

/** A folder's name carries all that is in it. */
function rename(files: Map<string, RecordedFile>, from: string, to: string): void {
  for (const [path, file] of [...files]) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    files.delete(path);
    files.set(to + path.slice(from.length), file);
  }
}
