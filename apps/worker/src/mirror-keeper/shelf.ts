/**
 * How much room the mirrors take, and which go first. A mirror is only a copy, so removing one costs the next job of its
 * repository a whole clone and nothing else; a full disk costs everybody. One that is in use is never removed: a hand-out
 * is being made of it, or a running job borrows from its files and the disk would gain nothing.
 */
import { readdir, stat, statfs, utimes } from "node:fs/promises";
import { basename, join } from "node:path";
import { failedWith, type GitFailed } from "../git/failure.ts";
import type { AroundFetch } from "../git/mirror.ts";

/** When mirrors are removed. */
export interface ShelfLimits {
  /** Milliseconds a mirror is kept after its last use. */
  readonly keepMs: number;
  /** Bytes of all mirrors. */
  readonly maxBytes: number;
  /** Bytes of the disk that stay free; below half of it a fetch is cut. */
  readonly minFreeBytes: number;
}

/** One mirror on the disk. */
export interface ShelvedMirror {
  readonly folder: string;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  readonly bytes: number;
}

/** Time and disk of this machine; tests pass their own. */
export interface ShelfMachine {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Free bytes of the disk the mirrors are on. */
  readonly freeBytes: () => Promise<number>;
  /** Calls `run` again and again; returns how to end that. */
  readonly every: (ms: number, run: () => void) => () => void;
}

/** The keeper's log, in sentences. */
export interface KeeperLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface ShelfOptions {
  /** The folder of the mirrors. */
  readonly folder: string;
  readonly limits: ShelfLimits;
  readonly machine: ShelfMachine;
  readonly isInUse: (mirror: string) => boolean;
  /** Removes a mirror nobody uses. */
  readonly remove: (mirror: string) => Promise<void>;
  readonly log: KeeperLog;
}

export interface Shelf {
  /** Notes that a mirror was used just now. */
  used(mirror: string): Promise<void>;
  /** Removes what is too old or too much. Calls that come while one runs get that one. */
  tidy(): Promise<void>;
  /** Refuses a fetch when the disk is full, also after tidying, and cuts one that fills it. */
  readonly aroundFetch: AroundFetch;
}

/** Milliseconds between looks at the disk while something is fetched. */
const LOOK_MS = 2_000;

/** The real time and the disk that holds `folder`. */
export function machineOf(folder: string): ShelfMachine {
  return {
    now: () => Date.now(),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    every(ms, run) {
      const timer = setInterval(run, ms);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/** Looks after the mirrors in a folder. */
export function createShelf(options: ShelfOptions): Shelf {
  const { folder, limits, machine, log } = options;
  let tidying: Promise<void> | null = null;

  async function tidyNow(): Promise<void> {
    const mirrors = await readShelf(folder);
    const going = chooseToRemove(mirrors, options.isInUse, {
      limits,
      now: machine.now(),
      freeBytes: await machine.freeBytes(),
    });
    for (const { mirror, why } of going) {
      // Asked again: a job may have come while another mirror was removed.
      if (options.isInUse(mirror.folder)) continue;
      await options.remove(mirror.folder);
      log.info(`removed the mirror ${basename(mirror.folder)} (${inMb(mirror.bytes)}): ${why}`);
    }
  }

  function tidy(): Promise<void> {
    tidying ??= tidyNow().finally(() => {
      tidying = null;
    });
    return tidying;
  }

  function full(free: number, what: string): GitFailed {
    const message = `the server's disk is full: ${inMb(free)} are free below ${folder}, ${inMb(limits.minFreeBytes)} must stay free; ${what}`;
    log.warn(message);
    return failedWith("disk_full", message);
  }

  return {
    tidy,
    async used(mirror) {
      const now = machine.now() / 1000;
      await utimes(mirror, now, now);
    },
    async aroundFetch(fetch, signal) {
      if ((await machine.freeBytes()) < limits.minFreeBytes) await tidy();
      const free = await machine.freeBytes();
      if (free < limits.minFreeBytes) return full(free, "nothing is fetched until there is room");
      const cut = new AbortController();
      let left = free;
      const look = async (): Promise<void> => {
        left = await machine.freeBytes();
        if (left < limits.minFreeBytes / 2) cut.abort();
      };
      const stop = machine.every(LOOK_MS, () => void look().catch(() => undefined));
      try {
        const done = await fetch(signal === undefined ? cut.signal : AbortSignal.any([signal, cut.signal]));
        if (!done.ok && cut.signal.aborted && signal?.aborted !== true) return full(left, "the fetch was stopped");
        return done;
      } finally {
        stop();
      }
    },
  };
}

/** Least recently used first: the too old ones, then as many as the budget and the free space ask for. */
export function chooseToRemove(
  mirrors: readonly ShelvedMirror[],
  isInUse: (mirror: string) => boolean,
  at: { readonly limits: ShelfLimits; readonly now: number; readonly freeBytes: number },
): { readonly mirror: ShelvedMirror; readonly why: string }[] {
  const { limits } = at;
  let bytes = mirrors.reduce((sum, mirror) => sum + mirror.bytes, 0);
  let free = at.freeBytes;
  const going: { mirror: ShelvedMirror; why: string }[] = [];
  for (const mirror of [...mirrors].sort((one, two) => one.usedAt - two.usedAt)) {
    if (isInUse(mirror.folder)) continue;
    const why =
      at.now - mirror.usedAt > limits.keepMs
        ? `nobody used it for ${Math.floor((at.now - mirror.usedAt) / 86_400_000)} days`
        : bytes > limits.maxBytes
          ? `all mirrors together had ${inMb(bytes)}, more than ${inMb(limits.maxBytes)}`
          : free < limits.minFreeBytes
            ? `only ${inMb(free)} of the disk were free`
            : null;
    if (why === null) continue;
    going.push({ mirror, why });
    bytes -= mirror.bytes;
    free += mirror.bytes;
  }
  return going;
}

async function readShelf(folder: string): Promise<ShelvedMirror[]> {
  const found: ShelvedMirror[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || !/-[0-9a-f]{20}\.git$/.test(entry.name)) continue;
    const mirror = join(folder, entry.name);
    found.push({ folder: mirror, usedAt: (await stat(mirror)).mtimeMs, bytes: await bytesOf(mirror) });
  }
  return found;
}

async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    // A fetch removes files while we look.
    if (entry.isFile()) bytes += await stat(join(entry.parentPath, entry.name)).then(({ size }) => size, nothing);
  }
  return bytes;
}

function nothing(): number {
  return 0;
}

function inMb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
