/**
 * Passes one HTTP request on and its answer back, as streams. What was parsed is written anew: no header that is meant
 * for one connection, and one framing of the body that we say ourselves, so that the two sides can never disagree on
 * where a request ends.
 */
import type {
  ClientRequest,
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from "node:http";

/** Headers for one connection only (RFC 9110, 7.6.1), and those between a client and its proxy. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "expect",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** Methods whose requests have a body as a rule: without one they say so. */
const WITH_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

export interface PassOnOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Begins the request to the other side with these headers, to which `host` is to be added. */
  readonly send: (headers: OutgoingHttpHeaders) => ClientRequest;
  /** The other side gave no answer. When one had begun, it is cut instead and this is not called. */
  readonly unanswered: (error: Error) => void;
}

/** True for a body framed in a way that cannot be passed on: codings beyond `chunked`. */
export function isOddlyFramed(request: IncomingMessage): boolean {
  const coding = request.headers["transfer-encoding"];
  return coding !== undefined && coding.trim().toLowerCase() !== "chunked";
}

/** Resolves when both are done with each other, however it ended. Check `isOddlyFramed` before. */
export function passOn({ request, response, send, unanswered }: PassOnOptions): Promise<void> {
  const upstream = send(requestHeaders(request));
  let answered = false;
  upstream.once("response", (answer) => {
    answered = true;
    answer.once("error", () => response.destroy());
    try {
      response.sendDate = false;
      response.writeHead(answer.statusCode ?? 502, words(answer), answerHeaders(answer));
      // An event stream's headers come long before its first event.
      response.flushHeaders();
      answer.pipe(response);
    } catch {
      // What was read may be more than what may be written: an answer nobody could pass on is none.
      response.destroy();
    }
  });
  upstream.on("error", (error) => {
    request.unpipe(upstream);
    request.resume();
    if (!answered) unanswered(error);
  });
  request.on("error", () => upstream.destroy());
  if (hasBody(request)) request.pipe(upstream);
  else upstream.end();
  return new Promise((settle) => {
    // Whoever asked is gone or has the whole answer: either way the other side need not go on.
    response.once("close", () => {
      upstream.destroy();
      settle();
    });
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || headers["content-length"] !== undefined;
}

function requestHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const { host: _, "content-length": length, ...rest } = lasting(request.headers);
  if (request.headers["transfer-encoding"] !== undefined) return { ...rest, "transfer-encoding": "chunked" };
  const given = request.headers["content-length"] ?? length;
  if (given !== undefined) return { ...rest, "content-length": given };
  return WITH_BODY.has(request.method ?? "") ? { ...rest, "content-length": "0" } : rest;
}

/** The words after the status; those that could not be written are left out. */
function words({ statusMessage = "" }: IncomingMessage): string {
  return /^[\t\x20-\x7e]*$/.test(statusMessage) ? statusMessage : "";
}

/** Without a length the answer is sent in chunks, however it came. */
function answerHeaders(answer: IncomingMessage): OutgoingHttpHeaders {
  const { "content-length": _, ...rest } = lasting(answer.headers);
  const length = answer.headers["content-length"];
  return answer.headers["transfer-encoding"] === undefined && length !== undefined
    ? { ...rest, "content-length": length }
    : rest;
}

function lasting(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !CONNECTION_HEADERS.has(name) && !named.has(name)),
  );
}
