/**
 * Reads tokens out of an answer while its bytes go by. It only looks: what the client gets is what the provider sent.
 * Answers come as one JSON document or as server-sent events, cut anywhere, even inside a character.
 */
import { type Fields, objectOf, parseJson } from "./json.ts";
import { type MeteredUsage, NO_USAGE, UsageTally } from "./usage-tally.ts";

/** How an API says what an answer used. */
export interface UsageReader {
  /** One event of a stream. */
  readonly event: (tally: UsageTally, event: Fields) => void;
  /** A whole answer: an object, or a list of what a stream would have sent. */
  readonly document: (tally: UsageTally, answer: unknown) => void;
}

export interface UsageMeter {
  push(chunk: Uint8Array): void;
  /** The usage so far; call it once no more bytes come. */
  read(): MeteredUsage;
}

/** Longer lines and documents are passed on but not read: the figures never are in one. */
const MAX_EVENT_BYTES = 1024 * 1024;
const MAX_JSON_BYTES = 16 * 1024 * 1024;

const LF = 10;
const CR = 13;

/** A meter for one answer with status 2xx. */
export function createUsageMeter(contentType: string, reader: UsageReader): UsageMeter {
  return /^text\/event-stream\b/i.test(contentType) ? eventStreamMeter(reader) : jsonMeter(reader);
}

/** A meter for answers that cost nothing. */
export function createSilentMeter(): UsageMeter {
  return { push: () => undefined, read: () => NO_USAGE };
}

function jsonMeter(reader: UsageReader): UsageMeter {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.byteLength;
      if (size <= MAX_JSON_BYTES) {
        // A copy: the stream may use its buffer again.
        chunks.push(Buffer.from(chunk));
      } else {
        chunks.length = 0;
      }
    },
    read() {
      const tally = new UsageTally();
      const answer = parseJson(Buffer.concat(chunks).toString("utf8"));
      if (answer !== null) {
        reader.document(tally, answer);
      }
      return tally.read();
    },
  };
}

function eventStreamMeter(reader: UsageReader): UsageMeter {
  const tally = new UsageTally();
  let data: string[] = [];
  let line: Uint8Array[] = [];
  let lineBytes = 0;
  let eventBytes = 0;
  let afterCr = false;

  const endEvent = () => {
    if (data.length > 0 && eventBytes <= MAX_EVENT_BYTES) {
      reader.event(tally, objectOf(parseJson(data.join("\n"))));
    }
    data = [];
    eventBytes = 0;
  };
  /** Takes the end of a line; its beginning may have come before. */
  const endLine = (end: Uint8Array) => {
    lineBytes += end.byteLength;
    const text = lineBytes > MAX_EVENT_BYTES ? null : textOfLine(line, end);
    line = [];
    lineBytes = 0;
    if (text === "") {
      endEvent();
    } else if (text?.startsWith("data:") === true) {
      eventBytes += text.length;
      if (eventBytes <= MAX_EVENT_BYTES) {
        data.push(text.slice(5));
      }
    }
  };
  const beginLine = (part: Uint8Array) => {
    lineBytes += part.byteLength;
    if (lineBytes > MAX_EVENT_BYTES) {
      line = [];
    } else if (part.byteLength > 0) {
      // A copy: the stream may use its buffer again.
      line.push(Buffer.from(part));
    }
  };
  return {
    push(chunk) {
      let start = 0;
      for (let index = 0; index < chunk.byteLength; index += 1) {
        const byte = chunk[index];
        if (byte !== LF && byte !== CR) {
          afterCr = false;
          continue;
        }
        // The LF of a CR LF ends nothing: its CR did.
        if (!(byte === LF && afterCr)) {
          endLine(chunk.subarray(start, index));
        }
        afterCr = byte === CR;
        start = index + 1;
      }
      beginLine(chunk.subarray(start));
    },
    read() {
      // Some servers leave out the line end after their last event; a line that was cut is no JSON and says nothing.
      endLine(new Uint8Array());
      endEvent();
      return tally.read();
    },
  };
}

/** Most lines come in one piece and are read where they lie. */
function textOfLine(begun: readonly Uint8Array[], end: Uint8Array): string {
  const bytes =
    begun.length === 0 ? Buffer.from(end.buffer, end.byteOffset, end.byteLength) : Buffer.concat([...begun, end]);
  return bytes.toString("utf8");
}
