/**
 * Reads tokens out of an answer of the Messages API while its bytes go by. It only looks: what the client gets is what
 * the provider sent. Answers come as one JSON document or as server-sent events, cut anywhere, even inside a character.
 */

/** What was read so far. Tokens are as the provider counts them: `inputTokens` without those read from or written to a cache. */
export interface MeteredUsage {
  readonly model: string | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /**
   * True when the provider's own final figures did not arrive and the output was estimated from the text that did. Without
   * that, an agent could hide most of its cost by hanging up just before the end of each answer.
   */
  readonly estimated: boolean;
}

export interface UsageMeter {
  push(chunk: Uint8Array): void;
  /** The usage so far; call it once no more bytes come. */
  read(): MeteredUsage;
}

/** Longer lines and documents are passed on but not read: the figures never are in one. */
const MAX_EVENT_BYTES = 1024 * 1024;
const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** Bytes of text per token, on the low side so that an estimate errs towards more tokens. */
const BYTES_PER_TOKEN = 3;

const LF = 10;
const CR = 13;

/** A meter for one answer to `POST /v1/messages` with status 2xx. */
export function createUsageMeter(contentType: string): UsageMeter {
  return /^text\/event-stream\b/i.test(contentType) ? eventStreamMeter() : jsonMeter();
}

/** A meter for answers that cost nothing. */
export function createSilentMeter(): UsageMeter {
  const tally = new Tally();
  return { push: () => undefined, read: () => tally.read(true) };
}

function jsonMeter(): UsageMeter {
  const chunks: Uint8Array[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.byteLength;
      if (size <= MAX_JSON_BYTES) {
        // A copy: the stream may use its buffer again.
        chunks.push(Uint8Array.from(chunk));
      } else {
        chunks.length = 0;
      }
    },
    read() {
      const tally = new Tally();
      const answer = parseObject(Buffer.concat(chunks).toString("utf8"));
      tally.takeMessage(answer);
      return tally.read(answer["usage"] !== undefined);
    },
  };
}

function eventStreamMeter(): UsageMeter {
  const tally = new Tally();
  let finished = false;
  let data: string[] = [];
  let line: Uint8Array[] = [];
  let lineBytes = 0;
  let eventBytes = 0;
  let afterCr = false;

  const endEvent = () => {
    if (data.length > 0 && eventBytes <= MAX_EVENT_BYTES) {
      finished = takeEvent(tally, parseObject(data.join("\n"))) || finished;
    }
    data = [];
    eventBytes = 0;
  };
  const endLine = () => {
    const text = lineBytes > MAX_EVENT_BYTES ? null : Buffer.concat(line).toString("utf8");
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
  const addToLine = (part: Uint8Array) => {
    lineBytes += part.byteLength;
    if (lineBytes > MAX_EVENT_BYTES) {
      line = [];
    } else if (part.byteLength > 0) {
      line.push(Uint8Array.from(part));
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
          addToLine(chunk.subarray(start, index));
          endLine();
        }
        afterCr = byte === CR;
        start = index + 1;
      }
      addToLine(chunk.subarray(start));
    },
    read: () => tally.read(finished),
  };
}

/** True when this event carried the final figures. */
function takeEvent(tally: Tally, event: Fields): boolean {
  switch (event["type"]) {
    case "message_start":
      tally.takeMessage(objectOf(event["message"]));
      return false;
    case "content_block_delta": {
      const delta = objectOf(event["delta"]);
      tally.addText(delta["text"] ?? delta["partial_json"] ?? delta["thinking"]);
      return false;
    }
    case "message_delta":
      // Its counts are totals, not additions.
      tally.takeUsage(objectOf(event["usage"]));
      return event["usage"] !== undefined;
    default:
      return false;
  }
}

type Fields = Readonly<Record<string, unknown>>;

class Tally {
  #model: string | null = null;
  #counts = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  #textBytes = 0;

  takeMessage(message: Fields): void {
    const { model } = message;
    if (typeof model === "string") {
      this.#model = model.slice(0, 256);
    }
    this.takeUsage(objectOf(message["usage"]));
  }

  takeUsage(usage: Fields): void {
    this.#counts = {
      inputTokens: countOf(usage["input_tokens"]) ?? this.#counts.inputTokens,
      outputTokens: countOf(usage["output_tokens"]) ?? this.#counts.outputTokens,
      cacheReadTokens: countOf(usage["cache_read_input_tokens"]) ?? this.#counts.cacheReadTokens,
      cacheWriteTokens: countOf(usage["cache_creation_input_tokens"]) ?? this.#counts.cacheWriteTokens,
    };
  }

  addText(text: unknown): void {
    if (typeof text === "string") {
      this.#textBytes += Buffer.byteLength(text);
    }
  }

  read(finished: boolean): MeteredUsage {
    const seen = Math.ceil(this.#textBytes / BYTES_PER_TOKEN);
    const outputTokens = finished ? this.#counts.outputTokens : Math.max(this.#counts.outputTokens, seen);
    return { model: this.#model, ...this.#counts, outputTokens, estimated: !finished };
  }
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function parseObject(text: string): Fields {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}
