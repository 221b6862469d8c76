/**
 * What is handed out: for each lease that asked, a bare repository of hard links to a mirror's files, at
 * `handouts/<worker>/<128 random bits>.git`. A container sees its worker's folder read-only; where containers share more
 * than that, the folders cannot be listed and the names cannot be guessed, so an agent reaches its own hand-out alone.
 *
 * A note about each is written before it appears, so that whatever a kill leaves behind is found again: a hand-out
 * without a note is nobody's and goes. Hand-outs outlive the keeper: the jobs that read them do, too.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const noteSchema = z.object({ lease: z.string(), worker: z.string(), mirror: z.string(), birth: z.string() });

/** One hand-out, as its note has it. */
export interface HandOut extends z.infer<typeof noteSchema> {
  /** 32 hexadecimal characters. */
  readonly id: string;
}

/** All hand-outs. Methods may be called at once; a lease is released when nothing is being made for it any more. */
export interface HandOuts {
  /**
   * Makes one: `fill` writes a bare repository at the path it is given (which does not exist) and answers null, or what
   * went wrong; nothing is left of a hand-out that failed. `birth` tells a mirror from one made anew at its place.
   */
  make<F>(of: Omit<HandOut, "id">, fill: (folder: string) => Promise<F | null>): Promise<HandOut | { failed: F }>;
  /** Removes every hand-out of a lease. */
  release(lease: string): Promise<void>;
  all(): readonly HandOut[];
}

const HAND_OUT = /^[0-9a-f]{32}\.git$/;
const STAGING = "handout-";

/** Where a hand-out is, seen from the keeper's folder. */
export function folderOf({ worker, id }: Pick<HandOut, "worker" | "id">): string {
  return `handouts/${worker}/${id}.git`;
}

/**
 * Opens the hand-outs in `folder` (absolute) and removes what a killed keeper left half made. `staging` is a folder on the same
 * file system that nobody else can enter. A worker's folder that is there is kept as it is: containers have it mounted.
 */
export async function openHandOuts(folder: string, staging: string): Promise<HandOuts> {
  const notes = join(folder, "leases");
  await mkdir(notes, { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "handouts"), { recursive: true, mode: 0o711 });
  await chmod(join(folder, "handouts"), 0o711);
  const known = new Map<string, HandOut>();

  async function remove(one: HandOut): Promise<void> {
    // First the repository: a note alone can be found and removed later, a repository alone is nobody's.
    await rm(join(folder, folderOf(one)), { recursive: true, force: true });
    await rm(join(notes, `${one.id}.json`), { force: true });
    known.delete(one.id);
  }

  /** Puts something into a worker's folder. One that is empty may be removed under us, with the container it was for. */
  async function showTo(worker: string, put: () => Promise<void>): Promise<void> {
    const place = join(folder, "handouts", worker);
    for (let attempt = 1; ; attempt += 1) {
      const made = await mkdir(place, { recursive: true, mode: 0o711 });
      if (made !== undefined) await chmod(place, 0o711);
      try {
        return await put();
      } catch (error) {
        if (attempt === 3 || (error as { readonly code?: unknown }).code !== "ENOENT") throw error;
      }
    }
  }

  await removeStaging(staging);
  for (const one of await readNotes(notes)) known.set(one.id, one);
  for (const one of [...known.values()]) if (!(await exists(join(folder, folderOf(one))))) await remove(one);
  await removeUnknown(join(folder, "handouts"), known);

  return {
    all: () => [...known.values()],
    async make(of, fill) {
      const one: HandOut = { ...of, id: randomBytes(16).toString("hex") };
      const half = join(staging, `${STAGING}${one.id}.git`);
      try {
        const failed = await fill(half);
        if (failed !== null) return { failed };
        known.set(one.id, one);
        await writeFile(join(notes, `${one.id}.json`), JSON.stringify(of), { flag: "wx", mode: 0o600 });
        await showTo(of.worker, () => rename(half, join(folder, folderOf(one))));
        return one;
      } catch (error) {
        await remove(one);
        throw error;
      } finally {
        await rm(half, { recursive: true, force: true });
      }
    },
    async release(lease) {
      for (const one of [...known.values()]) if (one.lease === lease) await remove(one);
    },
  };
}

/** The notes that can be read; the others go, and with them their hand-outs. */
async function readNotes(folder: string): Promise<HandOut[]> {
  const found: HandOut[] = [];
  for (const name of await readdir(folder)) {
    const id = /^([0-9a-f]{32})\.json$/.exec(name)?.[1];
    const note = noteSchema.safeParse(await readFile(join(folder, name), "utf8").then(parseJson));
    if (id !== undefined && note.success) found.push({ ...note.data, id });
    else await rm(join(folder, name), { force: true });
  }
  return found;
}

async function removeStaging(staging: string): Promise<void> {
  for (const name of await readdir(staging)) {
    if (name.startsWith(STAGING)) await rm(join(staging, name), { recursive: true, force: true });
  }
}

async function removeUnknown(handouts: string, known: ReadonlyMap<string, HandOut>): Promise<void> {
  for (const worker of await readdir(handouts)) {
    // Some workers' folders may be somebody else's by now, and closed.
    for (const name of await readdir(join(handouts, worker)).catch(() => [])) {
      if (!HAND_OUT.test(name) || known.get(name.slice(0, 32))?.worker === worker) continue;
      await rm(join(handouts, worker, name), { recursive: true, force: true });
    }
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
