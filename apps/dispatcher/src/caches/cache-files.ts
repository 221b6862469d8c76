/**
 * The dependency caches of all repositories, as files: one folder for each repository, one file for each cache. A cache
 * is worth a faster job and nothing more, so none of this is ever the only copy of anything: a cache that is damaged,
 * too old or in the way is dropped.
 *
 * Repository, base branch and name are hashed into the path: whatever they hold, no part of a path is made of them, and
 * no job can name a cache of a repository that is not its own. The SHA-256 of the bytes stands at the head of the file,
 * so that one rename makes bytes and checksum appear together; a reader of the file before goes on reading that one.
 * Reading stamps the file's time, which is the order in which caches are dropped when they outgrow the budget.
 */

import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Which cache: of a repository, filled on one of its branches, under a name of the worker's. */
export interface CacheKey {
  /** The same for every spelling of one repository and for no other, with its host. */
  readonly repository: string;
  /** The base branch the cache belongs to; empty: the repository's default branch. */
  readonly base: string;
  /** What the worker calls it: a hash of what the cache is made for. */
  readonly name: string;
}

/** A cache as it is handed out. */
export interface FoundCache {
  readonly bytes: number;
  readonly sha256: string;
  /** The last piece comes only once the whole is known to be right. @throws when the file is damaged, and drops it. */
  readonly stream: AsyncIterable<Uint8Array>;
}

/** What became of a cache that was sent. */
export type CachePut =
  | { readonly ok: true; readonly bytes: number; readonly sha256: string }
  | { readonly ok: false; readonly code: "body_too_large"; readonly limit: number }
  | { readonly ok: false; readonly code: "mismatch"; readonly bytes: number; readonly sha256: string };

export interface CacheStore {
  /** Null when there is none. */
  read(key: CacheKey): Promise<FoundCache | null>;
  /**
   * Puts a cache in the place of the one before, whole or not at all. `allowed` is asked after the bytes have come, right
   * before they count; what it throws is thrown on, and nothing is kept.
   */
  write(put: {
    readonly key: CacheKey;
    readonly sha256: string;
    readonly stream: AsyncIterable<Uint8Array>;
    readonly allowed: () => Promise<void>;
  }): Promise<CachePut>;
  /** Bytes of all caches, as they are on the disk. */
  usedBytes(): number;
}

export interface CacheFilesOptions {
  readonly folder: string;
  /** Bytes of all caches together; the ones not used for longest are dropped beyond it. */
  readonly budgetBytes: number;
  /** Bytes of one cache. Default 1 GiB, and never more than the budget. */
  readonly cacheBytes?: number;
  /** Caches in all: a million tiny ones would be a burden too. Default 10,000. */
  readonly mostCaches?: number;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  readonly onTrouble: (message: string) => void;
}

/** Bytes of the largest cache. */
export const CACHE_LONGEST = 1_024 ** 3;
const MOST_CACHES = 10_000;
/** The head of a file: 64 hex digits and a newline. */
const HEAD_BYTES = 65;
const PIECE = 256 * 1_024;
const PARTIAL = ".partial-";
/** Milliseconds after which an upload that was not written to is over: a whole request may take five minutes. */
const CUT_OFF_MS = 3_600_000;
const ENDING = ".cache";

interface Kept {
  readonly bytes: number;
  usedAt: number;
}

/** Opens the folder and looks what is there; uploads that a crash cut off are removed, those of other replicas are not. */
export async function openCacheFiles(options: CacheFilesOptions): Promise<CacheStore> {
  const store = new CacheFiles(options);
  await store.open();
  return store;
}

class CacheFiles implements CacheStore {
  readonly #options: CacheFilesOptions;
  readonly #limit: number;
  /** By path. */
  readonly #kept = new Map<string, Kept>();
  #used = 0;
  /** Placing and dropping, one after the other: the sum must be right. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(options: CacheFilesOptions) {
    this.#options = options;
    this.#limit = Math.min(options.cacheBytes ?? CACHE_LONGEST, options.budgetBytes);
  }

  async open(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const repository of await readdir(folder)) {
      for (const name of await readdir(join(folder, repository)).catch(() => [])) {
        const path = join(folder, repository, name);
        const found = await stat(path).catch(() => null);
        // Another replica that uses the folder is at work.
        if (found === null) continue;
        if (name.endsWith(ENDING)) this.#note(path, { bytes: found.size, usedAt: found.mtimeMs });
        else if (this.#options.wall() - found.mtimeMs > CUT_OFF_MS) await rm(path, { force: true });
      }
    }
    await this.#dropTheOldest(null);
  }

  usedBytes(): number {
    return this.#used;
  }

  async read(key: CacheKey): Promise<FoundCache | null> {
    const path = this.#pathOf(key);
    const kept = await this.#look(path);
    if (kept === null) return null;
    const sha256 = await shaOf(path);
    if (sha256 === null) {
      await this.#damaged(path);
      return null;
    }
    kept.usedAt = this.#options.wall();
    await stamp(path, kept.usedAt);
    return { bytes: kept.bytes - HEAD_BYTES, sha256, stream: this.#verified(path, sha256) };
  }

  /** What is there counts, not what is remembered: replicas of a dispatcher may use one folder, though one at a time. */
  async #look(path: string): Promise<Kept | null> {
    const known = this.#kept.get(path);
    const found = await stat(path).catch(() => null);
    if (found !== null && found.size === known?.bytes) return known;
    this.#forget(path);
    if (found === null) return null;
    const kept = { bytes: found.size, usedAt: found.mtimeMs };
    this.#note(path, kept);
    return kept;
  }

  /** Opens the file only when it is read: whoever asked may be gone before that. */
  async *#verified(path: string, sha256: string): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    let head = Buffer.alloc(0);
    let held: Uint8Array | null = null;
    for await (const piece of createReadStream(path, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
      let rest = piece;
      if (head.length < HEAD_BYTES) {
        head = Buffer.concat([head, piece]);
        if (head.length < HEAD_BYTES) continue;
        if (head.toString("latin1", 0, HEAD_BYTES) !== `${sha256}\n`)
          throw new Error("a cache was replaced while it was sent");
        rest = head.subarray(HEAD_BYTES);
      }
      if (held !== null) yield held;
      held = rest;
      hash.update(rest);
    }
    if (hash.digest("hex") !== sha256) {
      await this.#damaged(path);
      throw new Error("a cache is damaged: its bytes are not those that were kept");
    }
    if (held !== null) yield held;
  }

  async write({ key, sha256, stream, allowed }: Parameters<CacheStore["write"]>[0]): Promise<CachePut> {
    const path = this.#pathOf(key);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const partial = join(dirname(path), `${PARTIAL}${randomBytes(8).toString("hex")}`);
    try {
      const received = await this.#receive(partial, sha256, stream);
      if (!received.ok) return received;
      await allowed();
      const placed = this.#line.then(() => this.#place(path, partial, received.bytes + HEAD_BYTES));
      this.#line = placed.catch(() => {});
      await placed;
      return received;
    } finally {
      await rm(partial, { force: true });
    }
  }

  async #receive(partial: string, sha256: string, stream: AsyncIterable<Uint8Array>): Promise<CachePut> {
    const hash = createHash("sha256");
    let bytes = 0;
    const file = await open(partial, "wx", 0o600);
    try {
      await file.writeFile(`${sha256}\n`);
      for await (const piece of stream) {
        bytes += piece.byteLength;
        if (bytes > this.#limit) return { ok: false, code: "body_too_large", limit: this.#limit };
        hash.update(piece);
        await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const found = hash.digest("hex");
    return found === sha256 ? { ok: true, bytes, sha256 } : { ok: false, code: "mismatch", bytes, sha256: found };
  }

  async #place(path: string, partial: string, bytes: number): Promise<void> {
    const usedAt = this.#options.wall();
    await stamp(partial, usedAt);
    await rename(partial, path);
    this.#forget(path);
    this.#note(path, { bytes, usedAt });
    await this.#dropTheOldest(path);
  }

  /** Drops what was not used for longest until the rest fits; never the one that was just kept. */
  async #dropTheOldest(keep: string | null): Promise<void> {
    const { budgetBytes, mostCaches = MOST_CACHES } = this.#options;
    if (this.#used <= budgetBytes && this.#kept.size <= mostCaches) return;
    const oldestFirst = [...this.#kept].sort(([, one], [, two]) => one.usedAt - two.usedAt);
    for (const [path] of oldestFirst) {
      if (this.#used <= budgetBytes && this.#kept.size <= mostCaches) return;
      if (path === keep) continue;
      await rm(path, { force: true });
      this.#forget(path);
    }
  }

  async #damaged(path: string): Promise<void> {
    this.#options.onTrouble(`the cache ${path} is damaged and was dropped`);
    this.#forget(path);
    await rm(path, { force: true });
  }

  #note(path: string, kept: Kept): void {
    this.#kept.set(path, kept);
    this.#used += kept.bytes;
  }

  #forget(path: string): void {
    this.#used -= this.#kept.get(path)?.bytes ?? 0;
    this.#kept.delete(path);
  }

  #pathOf({ repository, base, name }: CacheKey): string {
    const file = hash(`${base}\n${name}`);
    return join(this.#options.folder, hash(repository), `${file}${ENDING}`);
  }
}

/** The checksum at the head of a cache; null where there is none. */
async function shaOf(path: string): Promise<string | null> {
  const file = await open(path, "r").catch(() => null);
  if (file === null) return null;
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    return /^([0-9a-f]{64})\n$/.exec(head.toString("latin1", 0, bytesRead))?.[1] ?? null;
  } finally {
    await file.close();
  }
}

/** Remembers when a cache was used last, over restarts. */
async function stamp(path: string, at: number): Promise<void> {
  // Dropped meanwhile: nothing to remember.
  await utimes(path, at / 1_000, at / 1_000).catch(() => undefined);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 40);
}
