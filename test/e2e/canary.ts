/** Looks for a secret where it must not be: raw and in the forms in which programs pass it on. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The forms a secret takes: as it is, in a URL, in hex, and in base64 at each of the three alignments. */
function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const inBase64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // The first and the last group also depend on the neighbours.
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  const forms = [secret, encodeURIComponent(secret), bytes.toString("hex"), ...inBase64];
  return [...new Set(forms)].map((form) => Buffer.from(form));
}

/** True when the text or bytes hold the secret in one of its forms. */
export function holds(secret: string, where: string | Buffer): boolean {
  const bytes = typeof where === "string" ? Buffer.from(where) : where;
  return formsOf(secret).some((form) => bytes.includes(form));
}

/** Every file below a folder that holds the secret. Also gives how many files were read, so that "none" means something. */
export function filesHolding(secret: string, folder: string): { readonly files: string[]; readonly looked: number } {
  const files: string[] = [];
  let looked = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      // Removed while we walk: a workspace that is cleaned, a write-ahead log that was folded in.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    looked += 1;
    if (holds(secret, bytes)) files.push(path);
  }
  return { files, looked };
}
