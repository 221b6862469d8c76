/**
 * Reads bodies. JSON is collected up to the endpoint's limit, must be UTF-8, and is refused before it is parsed when it
 * is nested deeper than anything Hive takes: code that walks a value would otherwise run out of stack. Raw bodies are
 * handed on as a stream that ends with an error at their limit.
 */

import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { HiveError } from "@hive/core";
import type { Endpoint } from "@hive/protocol";

/** Largest body in bytes where the endpoint says nothing else. */
export const DEFAULT_BODY_LIMIT = 1_048_576;
/** Levels of `[` and `{` a JSON body may have. */
export const MAX_DEPTH = 64;
/** What is still read and thrown away of a body that is too large, so that its sender gets to read the refusal. */
const DRAIN_BYTES = 16 * 1_048_576;
/** A JSON body that has not arrived in this many milliseconds is given up. */
export const BODY_TIME_MS = 30_000;

/** The limit of this endpoint's body, in bytes. */
export function bodyLimitOf(endpoint: Endpoint): number {
  return endpoint.bodyLimit ?? DEFAULT_BODY_LIMIT;
}

/** @throws HiveError `unsupported_media_type`: only plain bodies of the type the endpoint takes. */
export function checkContentType(request: IncomingMessage, wanted: "json" | "bytes" | "any"): void {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new HiveError(
      "unsupported_media_type",
      `Content-Encoding "${clip(encoding)}" is not taken; send the body as it is`,
    );
  }
  // Whatever a sender calls it: what counts is the source's type.
  if (wanted === "any") return;
  const type = request.headers["content-type"];
  // The usual case first, without a regular expression.
  if (type === "application/json" && wanted === "json") return;
  if (wanted === "json") {
    if (type !== undefined && /^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?$/i.test(type)) return;
    throw new HiveError(
      "unsupported_media_type",
      `Content-Type ${type === undefined ? "is missing" : `"${clip(type)}" is not taken`}; send application/json in UTF-8`,
    );
  }
  // A form or a JSON text is a mistake: bytes are kept as they are.
  if (
    type === undefined ||
    /^(application\/octet-stream|text\/plain|application\/(gzip|x-tar|zip|x-git-bundle))\b/i.test(type)
  )
    return;
  throw new HiveError(
    "unsupported_media_type",
    `Content-Type "${clip(type)}" is not taken here; send application/octet-stream`,
  );
}

/** The whole body as text. @throws HiveError `body_too_large`, `bad_request` */
export async function readText(request: IncomingMessage, limit: number): Promise<string> {
  const body = await readWhole(request, limit);
  if (!isUtf8(body)) throw new HiveError("bad_request", "The body is not UTF-8");
  return body.toString("utf8");
}

/** The whole body. @throws HiveError `body_too_large`, `bad_request`: it did not come whole, or not in time */
export function readWhole(request: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let done = false;
    const tooLarge = (): HiveError =>
      new HiveError("body_too_large", `The body has more than ${limit} bytes; this path takes no more`, { limit });
    const finish = (result: Buffer | HiveError): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      chunks.length = 0;
      if (Buffer.isBuffer(result)) resolve(result);
      else reject(result);
    };
    const timer = setTimeout(() => {
      finish(new HiveError("bad_request", `The body did not arrive within ${BODY_TIME_MS / 1000} s`, { slow: true }));
    }, BODY_TIME_MS);
    timer.unref();
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else chunks.length = 0;
      if (size > limit + DRAIN_BYTES) finish(tooLarge());
    });
    request.on("end", () => {
      if (size > limit) return finish(tooLarge());
      const first = chunks[0];
      finish(first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks));
    });
    const broken = (): void => {
      // Every request closes in the end, and an error is dear to make.
      if (!done) finish(new HiveError("bad_request", "The connection was closed before the body had arrived"));
    };
    request.on("error", broken);
    request.on("close", broken);
  });
}

/** The value of a JSON text. @throws HiveError `bad_request` that says where it is broken. */
export function parseJson(text: string): unknown {
  if (deeperThan(text, MAX_DEPTH))
    throw new HiveError("bad_request", `The JSON is nested deeper than ${MAX_DEPTH} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const why = cause instanceof SyntaxError ? where(cause.message) : "";
    throw new HiveError("bad_request", `The body is not JSON${why}`, {}, { cause });
  }
}

/** The place of the mistake and not the text around it, which may hold a token. */
function where(message: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `: look at character ${position}`;
  return message.includes("end of") ? ": it ends too early" : "";
}

/** Whether brackets outside of strings open more levels than this. One pass, no recursion, no memory. */
export function deeperThan(text: string, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case 0x22: {
        // To the end of the string. `indexOf` is many times as fast as looking at each character.
        let end = text.indexOf('"', i + 1);
        while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
        if (end < 0) return false;
        i = end;
        break;
      }
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > limit) return true;
        break;
      case 0x5d:
      case 0x7d:
        depth -= 1;
        break;
      default:
    }
  }
  return false;
}

function isEscaped(text: string, quote: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes += 1;
  return slashes % 2 === 1;
}

/** The body as it streams in, cut with `body_too_large` at its limit. */
export async function* limitBytes(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  const declared = Number(request.headers["content-length"] ?? 0);
  let size = 0;
  // A body that says it is too large is not begun: nothing of it is kept.
  if (declared <= limit) {
    try {
      // The request must outlive this loop: it carries the reply.
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > limit) break;
        yield chunk;
      }
    } catch (cause) {
      throw new HiveError("bad_request", "The connection was closed before the body had arrived", {}, { cause });
    }
    if (size <= limit) return;
  }
  throw new HiveError("body_too_large", `The body has more than ${limit} bytes; this path takes no more`, { limit });
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
