/** Archives that no honest tar would write, header by header. */

/** One entry; everything but the path has the value of an honest empty file. */
export interface TarEntry {
  readonly path: string;
  /** The name of a long-name header before it. */
  readonly long?: string;
  readonly type?: string;
  readonly target?: string;
  readonly body?: string;
  /** The size field as it stands in the header. */
  readonly size?: string;
  readonly magic?: string;
}

/** The archive, with its two blocks of zeros at the end. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(1_024)]);
}

function blocksOf(entry: TarEntry): Buffer[] {
  const { path, type = "0", target = "", body = "", magic = "ustar  \0" } = entry;
  const before =
    entry.long === undefined ? [] : blocksOf({ path: "././@LongLink", type: "L", body: `${entry.long}\0` });
  const header = Buffer.alloc(512);
  header.write(path, 0, 100, "latin1");
  header.write("0000644\0", 100, "latin1");
  header.write("0000000\0", 108, "latin1");
  header.write("0000000\0", 116, "latin1");
  const size = entry.size ?? body.length.toString(8).padStart(11, "0");
  header.write(size.padEnd(12, "\0"), 124, 12, "latin1");
  header.write("00000000000\0", 136, "latin1");
  header.write("        ", 148, "latin1");
  header.write(type, 156, 1, "latin1");
  header.write(target, 157, 100, "latin1");
  header.write(magic, 257, 8, "latin1");
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const content = Buffer.alloc(Math.ceil(body.length / 512) * 512);
  content.write(body, "latin1");
  return [...before, header, content];
}
