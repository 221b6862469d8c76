/** Writes TLS greetings, right ones and wrong ones. */

export interface HelloParts {
  /** The names of each server_name extension, in order; an extension with several names is itself a list. */
  readonly names?: readonly (string | readonly string[])[];
  /** Further extensions: type and bytes. */
  readonly extensions?: readonly (readonly [number, Buffer])[];
  /** Bytes after the extensions, inside the message. */
  readonly after?: Buffer;
  /** Bytes of the message in each record. Default: all in one. */
  readonly recordBytes?: number;
}

/** A greeting as the bytes a client sends. */
export function clientHello(parts: HelloParts = {}): Buffer {
  const names = (parts.names ?? []).map((name) => {
    const entries = [name].flat().map((one) => Buffer.concat([Buffer.of(0), sized(2, Buffer.from(one, "latin1"))]));
    return extension(0, sized(2, Buffer.concat(entries)));
  });
  const others = (parts.extensions ?? []).map(([type, bytes]) => extension(type, bytes));
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 8)),
    sized(2, Buffer.of(0x13, 0x01)),
    sized(1, Buffer.of(0)),
    sized(2, Buffer.concat([...others, ...names])),
    parts.after ?? Buffer.alloc(0),
  ]);
  return records(Buffer.concat([Buffer.of(1), sized(3, body)]), parts.recordBytes);
}

/** A message in records. */
export function records(message: Buffer, recordBytes = message.length): Buffer {
  const all: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    all.push(Buffer.concat([Buffer.of(22, 3, 1), sized(2, message.subarray(at, at + recordBytes))]));
  }
  return Buffer.concat(all);
}

function extension(type: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 0xff), sized(2, bytes)]);
}

/** Bytes with their length in front. */
function sized(width: 1 | 2 | 3, bytes: Buffer): Buffer {
  const length = Buffer.alloc(width);
  length.writeUIntBE(bytes.length, 0, width);
  return Buffer.concat([length, bytes]);
}
