/**
 * What the gateway must know of a call before it is made: for which model, and what it can cost at most. It is read from
 * the request's JSON; a request that would let the provider itself reach the outside is told apart, since that would be a
 * way out of the job past its list of hosts.
 */
import { type Fields, objectOf, textOf } from "./json.ts";

/** What a call can use at most. */
export interface WorstCase {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Searches of the web that the provider makes. */
  readonly webSearches: number;
}

/** A request that may go up, or why it may not: a sentence for whoever wrote the agent. */
export type ReadRequest =
  | {
      readonly ok: true;
      readonly model: string;
      readonly worst: WorstCase;
      /** What goes up: the client's own bytes, wherever that is possible. */
      readonly body: Buffer;
    }
  | { readonly ok: false; readonly message: string };

/**
 * Bytes of a request's text per token, at least: code, JSON and any script in UTF-8 come to 2.5 and more. Text made to be
 * long in tokens can reach one; such a call uses more than was reserved for it, once, and the account knows it then.
 */
const BYTES_PER_TOKEN = 2;
/** No model reads more than this at once. */
const MOST_INPUT_TOKENS = 2_097_152;
/** What one picture comes to at most, whatever its size in bytes. */
const TOKENS_PER_PICTURE = 10_000;
/** Longest name of a model. */
const MOST_MODEL_CHARS = 256;

/** What is set aside for a call that may search the web and names no limit. */
export const MOST_SEARCHES = 10;

const DATA_URL = /^data:([a-z]+)\/[\w.+-]+;base64,/i;

/** Below these keys are a tool's own arguments, in which any word may stand for anything. */
const ARGUMENTS: ReadonlySet<string> = new Set(["args", "arguments", "input_schema", "parameters", "schema"]);

/**
 * The largest number of input tokens of this request. `bodyBytes` is its size; what of it are pictures and files is
 * counted apart. `inspect` sees every object that is no tool's argument and says why one may not go up.
 */
export function readInput(
  body: Fields,
  bodyBytes: number,
  inspect: (object: Fields) => string | null,
): { readonly inputTokens: number; readonly refused: string | null } {
  let textBytes = bodyBytes;
  let mediaTokens = 0;
  // A list of what is left instead of a recursion: how deep a request is nested is the sender's choice.
  const left: { readonly value: unknown; readonly isArgument: boolean }[] = [{ value: body, isArgument: false }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, isArgument } = next;
    if (Array.isArray(value)) {
      for (const item of value) {
        left.push({ value: item, isArgument });
      }
    } else if (typeof value === "object" && value !== null) {
      const object = objectOf(value);
      const refused = isArgument ? null : inspect(object);
      if (refused !== null) {
        return { inputTokens: 0, refused };
      }
      for (const { kind, base64 } of isArgument ? [] : inlineMedia(object)) {
        textBytes -= base64.length;
        // A page of a document may be small in bytes and large in tokens, never more than one for each byte.
        mediaTokens += kind === "image" ? TOKENS_PER_PICTURE : base64.length;
      }
      for (const [key, item] of Object.entries(object)) {
        if (typeof item === "object") {
          left.push({ value: item, isArgument: isArgument || isArguments(object, key) });
        }
      }
    }
  }
  const inputTokens = Math.ceil(Math.max(textBytes, 0) / BYTES_PER_TOKEN) + mediaTokens;
  return { inputTokens: Math.min(inputTokens, MOST_INPUT_TOKENS), refused: null };
}

/** `input` is what a tool is given in one API and the whole conversation in another. */
function isArguments(object: Fields, key: string): boolean {
  return ARGUMENTS.has(key) || (key === "input" && /^(server_)?tool_use$/.test(textOf(object["type"])));
}

interface InlineMedia {
  /** The first half of its media type: `image`, `audio`, `application`. */
  readonly kind: string;
  readonly base64: string;
}

/** What of this object is a picture or a file and not text: `{media_type, data}` and its likes, and `data:` addresses. */
function inlineMedia(object: Fields): InlineMedia[] {
  const found: InlineMedia[] = [];
  const { data } = object;
  const type = object["media_type"] ?? object["mimeType"] ?? object["mime_type"] ?? object["format"];
  if (typeof data === "string" && typeof type === "string" && !type.startsWith("text/")) {
    found.push({ kind: type.split("/")[0] ?? "", base64: data });
  }
  for (const key of ["url", "image_url", "file_data"]) {
    const address = object[key];
    const kind = typeof address === "string" ? DATA_URL.exec(address.slice(0, 128))?.[1] : undefined;
    if (typeof address === "string" && kind !== undefined && kind.toLowerCase() !== "text") {
      found.push({ kind: kind.toLowerCase(), base64: address });
    }
  }
  return found;
}

/** A count from a request: a whole number above 0, else the default. */
export function countFrom(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : otherwise;
}

/** The model's name in a request; null when there is none that could be one. */
export function modelFrom(value: unknown): string | null {
  return typeof value === "string" && value !== "" && value.length <= MOST_MODEL_CHARS ? value : null;
}

/** The refusal of a request without a model. */
export const NO_MODEL = { ok: false, message: "The request names no model" } as const;
