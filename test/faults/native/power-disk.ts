/**
 * A folder on a disk whose power can be cut. The program that writes there runs with `env`; once it was killed, `cut`
 * leaves in the folder what a disk would have kept: everything synced, and of what was not as much as the dice say,
 * down to single sectors of a write.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Dice } from "../../sim/dice.ts";
import { type Pending, playBack, RecordedFile } from "./disk-record.ts";
import { compile } from "./preload.ts";

/** The smallest piece of a write that a disk keeps or loses, in bytes. */
const SECTOR = 512;
/** SQLite's shared memory: not data, and nobody syncs it. */
const NOT_DATA = /-shm$/;

/**
 * What becomes of writes that were not synced:
 * `nothing`: all are lost; `first`: those up to some moment are kept, the last of them in part; `any`: each sector of
 * each write for itself, in no order. (A file system that only grows a file after its bytes were written knows no `any`
 * for files that are only appended to.)
 */
export type Kept = "nothing" | "first" | "any";

/** What a cut took. */
export interface CutFigures {
  /** Files that had unsynced changes. */
  readonly files: number;
  /** Writes that were not synced, and those of them that are gone or torn. */
  readonly unsynced: number;
  readonly lost: number;
}

export interface PowerDisk extends Disposable {
  /** For the environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Only once every program that writes there is dead. `lies`: files whose syncs the disk had only promised. */
  cut(how: { readonly kept: Kept; readonly dice: Dice; readonly lies?: RegExp }): CutFigures;
}

/** Begins to record what happens below `folder`, which need not exist yet; what is there counts as synced. */
export function openPowerDisk(folder: string): PowerDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const place = realpathSync(folder);
  const preload = compile("disk-recorder");
  const log = join(preload.folder, "record");
  writeFileSync(log, "", { mode: 0o600 });
  let before = readTree(place);
  return {
    env: { LD_PRELOAD: preload.library, RECORDED_FOLDER: place, RECORDED_LOG: log },
    cut({ kept, dice, lies }) {
      const files = new Map([...before].map(([path, content]) => [path, new RecordedFile(content)]));
      playBack(readFileSync(log), files, lies);
      const figures = { files: 0, unsynced: 0, lost: 0 };
      for (const path of readTree(place).keys()) if (NOT_DATA.test(path)) rmSync(path);
      for (const [path, file] of files) {
        if (NOT_DATA.test(path)) continue;
        const changes = survivors(file.pending, kept, dice);
        if (file.pending.length > 0) figures.files += 1;
        figures.unsynced += file.pending.length;
        figures.lost += file.pending.length - changes.whole;
        const content = file.foreign > 0 && existsSync(path) ? readFileSync(path).subarray(0, file.foreign) : null;
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(path, content ?? file.with(changes.pieces), { mode: 0o600 });
      }
      truncateSync(log, 0);
      before = readTree(place);
      return figures;
    },
    [Symbol.dispose]: () => preload[Symbol.dispose](),
  };
}

/** What of these changes reaches the disk, and how many of them whole. */
function survivors(
  pending: readonly Pending[],
  kept: Kept,
  dice: Dice,
): { readonly pieces: readonly Pending[]; readonly whole: number } {
  if (kept === "nothing" || pending.length === 0) return { pieces: [], whole: 0 };
  if (kept === "first") {
    const whole = dice.int(0, pending.length);
    const torn = pending[whole];
    const pieces = pending.slice(0, whole);
    if (torn?.type === "write") pieces.push({ ...torn, bytes: torn.bytes.subarray(0, dice.int(0, torn.bytes.length)) });
    return { pieces, whole };
  }
  let whole = 0;
  const pieces = pending.flatMap((change): readonly Pending[] => {
    const sectors = change.type === "write" ? inSectors(change) : [change];
    const left = sectors.filter(() => dice.chance(0.5));
    if (left.length === sectors.length) whole += 1;
    return left;
  });
  return { pieces, whole };
}

function inSectors({ at, bytes }: Pending & { readonly type: "write" }): readonly Pending[] {
  const pieces: Pending[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR - ((at + from) % SECTOR));
    pieces.push({ type: "write", at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return pieces;
}

/** Every regular file below, with its bytes. */
function readTree(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path, readFileSync(path));
  }
  return files;
}
