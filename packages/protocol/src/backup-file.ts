/**
 * A backup: everything a Hive keeps, in one file that any store can be restored from. It is gzip of JSON lines: a header, then
 * documents, logs and files, and last the sums of it all, so that a file that was cut or changed is known as such.
 *
 *     {"hive":"backup","format":1, …}
 *     {"doc":["jobs","job-1",{ … }]}      the document as it is; null: it is not there, whatever was said of it before
 *     {"log":["job-1",1]}                 followed by its bytes
 *     {"file":["job-1",1,"report.md",812,"<sha256>"]}
 *     {"bytes":"<base64>"}                a piece of the log or file that was named last
 *     {"end":true}                        it is whole; false: it could not be read to its end
 *     {"sum":{"documents":9,"logs":1,"files":1,"sha256":"<of all lines before>"}}
 *
 * A document may come more than once: the last word counts, for they are written while the server goes on.
 * Not part of the package's main door, for it is for programs that run on Node. Packing and hashing are the caller's:
 * `node:zlib` and `node:crypto`.
 */

import { z } from "zod";

/** The newest format this Hive writes and reads. */
export const BACKUP_FORMAT = 1;
/** Bytes of a log or file in one line. */
export const BACKUP_PIECE: number = 256 * 1024;
/** A line longer than this, in bytes, is not ours. */
const LONGEST_LINE = 256 * 1024 * 1024;

const headerSchema = z.object({
  hive: z.literal("backup"),
  format: z.int(),
  /** Of the Hive that made it. */
  version: z.string(),
  /** When it was begun, ISO 8601. */
  at: z.string(),
  /** The store it was made of: `sqlite`, `redis`, `memory`. */
  store: z.string(),
  /** The election it was made in. */
  epoch: z.int(),
  /** The format of the documents. */
  storeFormat: z.int(),
  /** Fingerprint of the secrets that tokens in it were sealed with. */
  secretsId: z.string(),
});

/** The first line. */
export type BackupHeader = Readonly<z.output<typeof headerSchema>>;

const sumSchema = z.object({ documents: z.int(), logs: z.int(), files: z.int(), sha256: z.string() });

/** How many of each a backup says it holds. Documents count each time they come. */
export type BackupSum = Readonly<z.output<typeof sumSchema>>;

const docSchema = z.tuple([z.string(), z.string(), z.record(z.string(), z.unknown()).nullable()]);
const fence = z.int().min(0);
const lineSchema = z.union([
  z.strictObject({ doc: docSchema }),
  z.strictObject({ bytes: z.base64() }),
  z.strictObject({ end: z.boolean() }),
  z.strictObject({ log: z.tuple([z.string(), fence]) }),
  z.strictObject({ file: z.tuple([z.string(), fence, z.string(), z.int().min(0), z.string()]) }),
  z.strictObject({ sum: sumSchema }),
]);

type DocumentLine = {
  readonly kind: "document";
  readonly collection: string;
  readonly id: string;
  readonly doc: Readonly<Record<string, unknown>> | null;
};

/** What a backup says, one thing after the other. `bytes` belong to the log or file named last, until its `end`. */
export type BackupLine =
  | DocumentLine
  | { readonly kind: "log"; readonly jobId: string; readonly fence: number }
  | {
      readonly kind: "file";
      readonly jobId: string;
      readonly fence: number;
      readonly name: string;
      readonly bytes: number;
      readonly sha256: string;
    }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly whole: boolean };

/** The file is not a backup, is cut, or is not what was written. The message says which. */
export class BackupRefused extends Error {
  override readonly name = "BackupRefused";
}

/** A SHA-256 in the making, such as `createHash("sha256")` gives. */
export interface Sha256 {
  update(part: string | Uint8Array): unknown;
  digest(encoding: "hex"): string;
}

/** The text of a backup, not compressed yet. */
export async function* writeBackup(
  header: Omit<BackupHeader, "hive" | "format">,
  lines: AsyncIterable<BackupLine>,
  hash: Sha256,
): AsyncGenerator<string> {
  const counts = { documents: 0, logs: 0, files: 0 };
  const say = (line: object): string => {
    const text = `${JSON.stringify(line)}\n`;
    hash.update(text);
    return text;
  };
  yield say({ hive: "backup", format: BACKUP_FORMAT, ...header });
  for await (const line of lines) {
    if (line.kind === "document") counts.documents += 1;
    else if (line.kind === "log") counts.logs += 1;
    else if (line.kind === "file") counts.files += 1;
    yield say(written(line));
  }
  yield `${JSON.stringify({ sum: { ...counts, sha256: hash.digest("hex") } })}\n`;
}

function written(line: BackupLine): object {
  switch (line.kind) {
    case "document":
      return { doc: [line.collection, line.id, line.doc] };
    case "log":
      return { log: [line.jobId, line.fence] };
    case "file":
      return { file: [line.jobId, line.fence, line.name, line.bytes, line.sha256] };
    case "bytes":
      return { bytes: Buffer.from(line.bytes).toString("base64") };
    case "end":
      return { end: line.whole };
  }
}

/** A backup that is being read. */
export interface OpenBackup {
  readonly header: BackupHeader;
  /**
   * Everything in it, once. Ends normally only when the sums at the end are right.
   * @throws BackupRefused
   */
  readonly lines: AsyncIterable<BackupLine>;
  /** What the last line said; null until all were read. */
  readonly sum: () => BackupSum | null;
}

/**
 * Reads a backup.
 * @param unpacked what gunzip makes of the file, in pieces of any size
 * @throws BackupRefused when it does not begin like one, or was made by a newer Hive
 */
export async function openBackup(unpacked: AsyncIterable<Uint8Array>, hash: Sha256): Promise<OpenBackup> {
  const texts = textsOf(unpacked);
  const first = await texts.next();
  const header = first.done === true ? null : headerOf(first.value);
  if (header === null) {
    // Lets go of the file, however much of it is left.
    await texts.return(undefined);
    throw new BackupRefused("this is not a backup of Hive");
  }
  if (header.format > BACKUP_FORMAT) {
    const message = `the backup has format ${header.format}, made by Hive ${header.version}; this Hive knows up to ${BACKUP_FORMAT}: use the newer one`;
    throw new BackupRefused(message);
  }
  let sum: BackupSum | null = null;
  return {
    header,
    sum: () => sum,
    lines: (async function* read(): AsyncGenerator<BackupLine> {
      hash.update(first.value ?? "");
      hash.update("\n");
      const counts = { documents: 0, logs: 0, files: 0 };
      for await (const text of texts) {
        if (sum !== null) throw damaged("goes on after its end");
        const line = lineOf(text);
        if ("sum" in line) {
          const { sha256, documents, logs, files } = line.sum;
          if (sha256 !== hash.digest("hex")) throw damaged("has other bytes than were written");
          if (documents !== counts.documents || logs !== counts.logs || files !== counts.files)
            throw damaged("has other numbers of documents and logs than it says");
          sum = line.sum;
          continue;
        }
        hash.update(text);
        hash.update("\n");
        if (line.kind === "document") counts.documents += 1;
        else if (line.kind === "log") counts.logs += 1;
        else if (line.kind === "file") counts.files += 1;
        yield line;
      }
      if (sum === null) throw damaged("is cut off: its end is missing");
    })(),
  };
}

function headerOf(text: Buffer): BackupHeader | null {
  try {
    const parsed = headerSchema.safeParse(JSON.parse(text.toString("utf8")));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function lineOf(text: Buffer): BackupLine | { readonly sum: BackupSum } {
  const line = lineSchema.safeParse(parse(text)).data;
  if (line === undefined) throw damaged("has a line that nobody wrote");
  if ("sum" in line) return line;
  if ("bytes" in line) return { kind: "bytes", bytes: Buffer.from(line.bytes, "base64") };
  if ("end" in line) return { kind: "end", whole: line.end };
  if ("doc" in line) {
    const [collection, id, doc] = line.doc;
    return { kind: "document", collection, id, doc };
  }
  if ("log" in line) {
    const [jobId, at] = line.log;
    return { kind: "log", jobId, fence: at };
  }
  const [jobId, at, name, bytes, sha256] = line.file;
  return { kind: "file", jobId, fence: at, name, bytes, sha256 };
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch {
    return null;
  }
}

/** The lines of the unpacked file, without their line ends. */
async function* textsOf(unpacked: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of unpacked) {
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      let from = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        pieces.push(chunk.subarray(from, end));
        yield pieces.length === 1 ? (pieces[0] ?? chunk) : Buffer.concat(pieces);
        pieces = [];
        length = 0;
        from = end + 1;
      }
      pieces.push(chunk.subarray(from));
      length += chunk.length - from;
      if (length > LONGEST_LINE) throw damaged("has a line that nobody wrote");
    }
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || !String(error.code).startsWith("Z_")) throw error;
    throw error.code === "Z_BUF_ERROR" ? damaged("is cut off: its end is missing") : damaged("is not whole gzip");
  }
  if (length > 0) throw damaged("is cut off: its end is missing");
}

function damaged(how: string): BackupRefused {
  return new BackupRefused(`the backup ${how}; take another one`);
}
