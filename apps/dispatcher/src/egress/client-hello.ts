/**
 * Reads the name a TLS client asks for (SNI) out of the first bytes of its connection: a small, bounded reader of one
 * message. It says no to whatever two readers could understand differently, such as a name given twice.
 */

/** What the bytes so far are. */
export type Hello =
  /** The beginning of a greeting; more bytes are needed. */
  | { readonly state: "more" }
  /** No TLS greeting, or one that no client writes. */
  | { readonly state: "not_tls" }
  | {
      readonly state: "hello";
      /** The name asked for, as it was written; null when the greeting has none. */
      readonly serverName: string | null;
      /** True when the real name may be encrypted inside (ECH, or its forerunner ESNI). */
      readonly hidesName: boolean;
    };

/** Bytes of a greeting that are read at most; the largest in use have less than 4,000. */
export const MAX_HELLO_BYTES = 16_384;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const MAX_RECORD_BYTES = 16_384;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;
const ENCRYPTED_SERVER_NAME = 0xffce;

const NOT_TLS: Hello = { state: "not_tls" };
const MORE: Hello = { state: "more" };

/** True when a first byte may begin a TLS connection. */
export function looksLikeTls(first: number | undefined): boolean {
  return first === HANDSHAKE_RECORD;
}

/** Reads what has come so far. Give it all bytes from the first, again when more came. */
export function readClientHello(bytes: Buffer): Hello {
  const message = joinRecords(bytes);
  if (!Buffer.isBuffer(message)) return message;
  try {
    return readMessage(new Reader(message));
  } catch (error) {
    if (error instanceof Malformed) return NOT_TLS;
    throw error;
  }
}

/** The handshake message, which may be spread over records; nothing may follow it. */
function joinRecords(bytes: Buffer): Buffer | Hello {
  const parts: Buffer[] = [];
  let have = 0;
  for (let at = 0; ; ) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE_RECORD) return NOT_TLS;
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return NOT_TLS;
    if (at + 5 > bytes.length) return MORE;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MAX_RECORD_BYTES) return NOT_TLS;
    const part = bytes.subarray(at + 5, at + 5 + length);
    parts.push(part);
    have += part.length;
    const message = parts.length === 1 ? part : Buffer.concat(parts);
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return NOT_TLS;
    const wanted = message.length < 4 ? null : 4 + message.readUIntBE(1, 3);
    if (wanted !== null && wanted > MAX_HELLO_BYTES) return NOT_TLS;
    if (wanted !== null && have >= wanted)
      return have === wanted && part.length === length ? message.subarray(4) : NOT_TLS;
    if (part.length < length) return MORE;
    at += 5 + length;
  }
}

function readMessage(hello: Reader): Hello {
  hello.skip(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.isAtEnd()) return { state: "hello", serverName: null, hidesName: false };
  const extensions = hello.vector(2);
  hello.mustEnd();
  let serverName: string | null = null;
  let hidesName = false;
  while (!extensions.isAtEnd()) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (type === SERVER_NAME) {
      if (serverName !== null) throw new Malformed();
      serverName = readServerName(body);
    }
    hidesName ||= type === ENCRYPTED_CLIENT_HELLO || type === ENCRYPTED_SERVER_NAME;
  }
  return { state: "hello", serverName, hidesName };
}

/** Exactly one name, of the one kind there is. */
function readServerName(body: Reader): string {
  const list = body.vector(2);
  body.mustEnd();
  if (list.number(1) !== HOST_NAME) throw new Malformed();
  const name = list.vector(2);
  list.mustEnd();
  return name.rest().toString("latin1");
}

class Malformed extends Error {}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  mustEnd(): void {
    if (!this.isAtEnd()) throw new Malformed();
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** A number of this many bytes. */
  number(width: 1 | 2): number {
    return this.#take(width).readUIntBE(0, width);
  }

  /** What a length of this many bytes in front says. */
  vector(width: 1 | 2): Reader {
    return new Reader(this.#take(this.number(width)));
  }

  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#at);
  }

  #take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new Malformed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
