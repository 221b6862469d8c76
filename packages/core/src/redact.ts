/**
 * Takes secrets out of a stream of bytes before anybody stores or shows it. It works across the edges of chunks, in
 * the encodings of `secret-forms.ts` and on the patterns of `token-patterns.ts`, leaves every other byte as it is, and
 * gives the same output however the stream was cut into chunks. What is held back is only the tail that may still turn
 * out to be the start of a secret, so live logs stay live.
 *
 * It hides known secrets in known shapes; a program that wants to smuggle one out can always invent another shape.
 */
import { secretForms } from "./secret-forms.ts";
import {
  JWT_LONGEST_HEADER,
  JWT_REST,
  JWT_START,
  KEY_BLOCK_END,
  KEY_BLOCK_LONGEST,
  KEY_BLOCK_STARTS,
  TOKEN_PATTERNS,
} from "./token-patterns.ts";

/** How to redact. */
export interface RedactOptions {
  /** What stands where a secret was; neighbours become one. Default: `[redacted]`. */
  readonly marker?: string;
  /** Secrets with fewer bytes are not looked for: they would blank out ordinary words. Default: 6. */
  readonly minSecretBytes?: number;
  /** Also hide what looks like a credential. Default: true. */
  readonly patterns?: boolean;
}

/** A redactor of one stream. Not to be shared between streams: it remembers the end of the last chunk. */
export interface Redactor {
  /** Takes the next bytes (or text, as UTF-8), answers those that are safe to show. May share memory with its input. */
  push(input: Uint8Array | string): Uint8Array;
  /** Answers what was held back; afterwards the redactor is as new. */
  end(): Uint8Array;
  /** How many secrets were hidden so far. */
  readonly hidden: number;
}

/** What may start at a byte: a fixed text, and how the hiding goes on behind it. */
interface Needle {
  readonly bytes: Uint8Array;
  /** Bytes of this kind must follow, at least so many. */
  readonly rest: Uint8Array | undefined;
  readonly atLeast: number;
  readonly ownWord: boolean;
  readonly kind: "text" | "jwt" | "key_block";
}

const NEED_MORE = -1;
const encoder = new TextEncoder();
const EMPTY = new Uint8Array(0);
const KEY_END = encoder.encode(KEY_BLOCK_END);
const JWT_SECOND = encoder.encode(`.${JWT_START}`);
const WORD_BYTES = classOf("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");
const JWT_CLASS = classOf(JWT_REST);
const PATTERN_NEEDLES = patternNeedles();

/** Makes a redactor for one stream that hides these secrets. Empty and very short ones are passed over. */
export function createRedactor(secrets: Iterable<string>, options: RedactOptions = {}): Redactor {
  return new StreamRedactor(secrets, options);
}

/** Redacts one whole text: for messages, titles and errors that do not come as a stream. */
export function redactText(text: string, secrets: Iterable<string>, options: RedactOptions = {}): string {
  const redactor = createRedactor(secrets, options);
  const head = redactor.push(text);
  const decoder = new TextDecoder();
  return decoder.decode(head, { stream: true }) + decoder.decode(redactor.end());
}

class StreamRedactor implements Redactor {
  readonly #marker: Uint8Array;
  /** Needles by their first two bytes. */
  readonly #byPair = new Map<number, Needle[]>();
  /** 1 where a needle starts with this pair of bytes, 2 for the first byte alone: the filter that makes it fast. */
  readonly #pairs = new Uint8Array(65_536);
  readonly #firsts = new Uint8Array(256);
  hidden = 0;

  #pending = EMPTY;
  /** The two bytes before `#pending`. */
  #before: readonly [number, number] = [0, 0];
  /** How many coming bytes belong to a match that is being hidden. */
  #hideNext = 0;
  #rest: Uint8Array | undefined;
  #keyBlockLeft = 0;
  #hiding = false;

  constructor(secrets: Iterable<string>, options: RedactOptions) {
    this.#marker = encoder.encode(options.marker ?? "[redacted]");
    const shortest = Math.max(2, options.minSecretBytes ?? 6);
    for (const secret of secrets) {
      if (encoder.encode(secret).length < shortest) continue;
      for (const bytes of secretForms(secret)) {
        if (bytes.length >= shortest) this.#add({ bytes, rest: undefined, atLeast: 0, ownWord: false, kind: "text" });
      }
    }
    if (options.patterns !== false) for (const needle of PATTERN_NEEDLES) this.#add(needle);
  }

  push(input: Uint8Array | string): Uint8Array {
    return this.#scan(typeof input === "string" ? encoder.encode(input) : input, false);
  }

  end(): Uint8Array {
    const rest = this.#scan(EMPTY, true);
    this.#pending = EMPTY;
    this.#before = [0, 0];
    this.#hideNext = 0;
    this.#rest = undefined;
    this.#keyBlockLeft = 0;
    this.#hiding = false;
    return rest;
  }

  #add(needle: Needle): void {
    const first = needle.bytes[0] ?? 0;
    const pair = (first << 8) | (needle.bytes[1] ?? 0);
    const others = this.#byPair.get(pair);
    if (others) others.push(needle);
    else this.#byPair.set(pair, [needle]);
    this.#pairs[pair] = 1;
    this.#firsts[first] = 1;
  }

  #scan(input: Uint8Array, final: boolean): Uint8Array {
    const data = joined(this.#pending, input);
    const pieces: Uint8Array[] = [];
    const last = data.length - 1;
    let shownFrom = 0; // start of the bytes that are to be shown but not yet in `pieces`
    let at = 0;
    for (; at < data.length; at += 1) {
      if (!this.#hiding) {
        // The whole speed of the redactor is this loop: one table look-up for a byte that starts nothing.
        while (at < last && this.#pairs[((data[at] ?? 0) << 8) | (data[at + 1] ?? 0)] === 0) at += 1;
        if (at === last && this.#firsts[data[at] ?? 0] === 0) continue;
      }
      const length = this.#match(data, at, final);
      if (length === NEED_MORE) break;
      if (length > this.#hideNext) this.#hideNext = length;
      if (this.#hideNext === 0 && this.#goesOn(data, at, final) === NEED_MORE) break;
      if (this.#hideNext > 0) {
        if (!this.#hiding) {
          if (at > shownFrom) pieces.push(data.subarray(shownFrom, at));
          pieces.push(this.#marker);
          this.#hiding = true;
          this.hidden += 1;
        }
        this.#hideNext -= 1;
        shownFrom = at + 1;
      } else if (this.#hiding) {
        this.#hiding = false;
        shownFrom = at;
      }
    }
    if (at > shownFrom) pieces.push(data.subarray(shownFrom, at));
    if (at > 0) this.#before = [at > 1 ? (data[at - 2] ?? 0) : this.#before[1], data[at - 1] ?? 0];
    this.#pending = new Uint8Array(data.subarray(at)); // a copy: a Buffer's slice would keep the whole chunk alive
    return concat(pieces);
  }

  /**
   * How many bytes from `at` the longest needle hides; 0 for none; NEED_MORE while one could still match. Remembers
   * how the hiding goes on behind the match.
   */
  #match(data: Uint8Array, at: number, final: boolean): number {
    const left = data.length - at;
    if (left === 1) return !final && this.#firsts[data[at] ?? 0] === 1 ? NEED_MORE : 0;
    const candidates = this.#byPair.get(((data[at] ?? 0) << 8) | (data[at + 1] ?? 0));
    if (!candidates) return 0;
    let longest = 0;
    let rest: Uint8Array | undefined;
    let keyBlock = false;
    for (const needle of candidates) {
      const length = this.#matchNeedle(needle, data, at);
      if (length === NEED_MORE) {
        if (!final) return NEED_MORE;
        continue;
      }
      if (length === 0) continue;
      if (needle.kind === "key_block") keyBlock = true;
      if (needle.rest) rest = needle.rest;
      longest = Math.max(longest, length);
    }
    if (rest) this.#rest = rest;
    if (keyBlock) this.#keyBlockLeft = KEY_BLOCK_LONGEST;
    return longest;
  }

  #matchNeedle(needle: Needle, data: Uint8Array, at: number): number {
    const { bytes, rest, atLeast } = needle;
    const fixed = matchBytes(bytes, data, at);
    if (fixed <= 0 || (needle.ownWord && !this.#startsWord(data, at))) return fixed < 0 ? NEED_MORE : 0;
    if (needle.kind === "jwt") return matchJwt(data, at);
    if (!rest) return bytes.length;
    for (let index = 0; index < atLeast; index += 1) {
      const byte = data[at + bytes.length + index];
      if (byte === undefined) return NEED_MORE;
      if (rest[byte] === 0) return 0;
    }
    return bytes.length + atLeast;
  }

  /** Behind a match: whether the next byte still belongs to it. Sets `#hideNext`, or answers NEED_MORE. */
  #goesOn(data: Uint8Array, at: number, final: boolean): number {
    if (this.#keyBlockLeft > 0) {
      const end = matchBytes(KEY_END, data, at);
      if (end === NEED_MORE && !final) return NEED_MORE;
      this.#hideNext = end > 0 ? KEY_END.length : 1;
      this.#keyBlockLeft = end > 0 ? 0 : this.#keyBlockLeft - 1;
    } else if (this.#rest) {
      if (this.#rest[data[at] ?? 0] === 1) this.#hideNext = 1;
      else this.#rest = undefined;
    }
    return 0;
  }

  #startsWord(data: Uint8Array, at: number): boolean {
    const previous = at > 0 ? (data[at - 1] ?? 0) : this.#before[1];
    const earlier = at > 1 ? (data[at - 2] ?? 0) : at === 1 ? this.#before[1] : this.#before[0];
    // In JSON a line break before the key reads "\n": that n is not part of a word.
    return WORD_BYTES[previous] === 0 || (earlier === 0x5c && "nrt".includes(String.fromCharCode(previous)));
  }
}

/** Its length where `bytes` stands at `at`, 0 where it does not, NEED_MORE where the data ends before that is known. */
function matchBytes(bytes: Uint8Array, data: Uint8Array, at: number): number {
  const available = Math.min(bytes.length, data.length - at);
  for (let index = 0; index < available; index += 1) {
    if (data[at + index] !== bytes[index]) return 0;
  }
  return available === bytes.length ? bytes.length : NEED_MORE;
}

function matchJwt(data: Uint8Array, at: number): number {
  for (let index = JWT_START.length; index < JWT_LONGEST_HEADER; index += 1) {
    const byte = data[at + index];
    if (byte === undefined) return NEED_MORE;
    if (byte === JWT_SECOND[0]) {
      const second = matchBytes(JWT_SECOND, data, at + index);
      return second > 0 ? index + second : second;
    }
    if (JWT_CLASS[byte] === 0) return 0;
  }
  return 0;
}

function patternNeedles(): Needle[] {
  const needles: Needle[] = TOKEN_PATTERNS.map((pattern) => ({
    bytes: encoder.encode(pattern.prefix),
    rest: classOf(pattern.rest),
    atLeast: pattern.atLeast,
    ownWord: pattern.ownWord === true,
    kind: "text",
  }));
  const jwt = encoder.encode(JWT_START);
  needles.push({ bytes: jwt, rest: JWT_CLASS, atLeast: 0, ownWord: false, kind: "jwt" });
  for (const start of KEY_BLOCK_STARTS) {
    const bytes = encoder.encode(start);
    needles.push({ bytes, rest: undefined, atLeast: 0, ownWord: false, kind: "key_block" });
  }
  return needles;
}

function classOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of encoder.encode(characters)) table[byte] = 1;
  return table;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  return first.length === 0 ? second : second.length === 0 ? first : concat([first, second]);
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length <= 1) return only ?? EMPTY;
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
