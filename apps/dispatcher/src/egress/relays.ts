/**
 * The two places every worker may call through the socket: the dispatcher's worker protocol and the LLM gateway. Nothing
 * is looked at but the path: each checks its own tokens. A path that could be read as another one is passed on to nobody.
 */
import { Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { isOddlyFramed, passOn } from "./pass-on.ts";
import { refuse } from "./refusal.ts";

export interface Relays {
  /** Passes the request on and answers true; false when its path leads nowhere. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  stop(): void;
}

/** Prefixes of paths; what comes after must not be empty. */
const WORKER = "/v1/worker/";
const LLM = "/llm/";
/** Milliseconds an idle connection is kept: less than the other side keeps it, so that none is used as it closes. */
const IDLE_MS = 3_000;

/** `dispatcherUrl` and `gatewayUrl` without a path. */
export function createRelays(options: { readonly dispatcherUrl: string; readonly gatewayUrl: string }): Relays {
  const agent = new Agent({ keepAlive: true, timeout: IDLE_MS, scheduling: "lifo" });
  const targetOf = (path: string): URL | null => {
    if (!isPlain(path)) return null;
    if (path.startsWith(WORKER)) return new URL(options.dispatcherUrl);
    return path.startsWith(LLM) ? new URL(options.gatewayUrl) : null;
  };
  return {
    handle(request, response) {
      const url = request.url ?? "";
      const target = targetOf(url.replace(/\?.*$/s, ""));
      if (target === null) return false;
      if (isOddlyFramed(request)) {
        refuse(response, { code: "bad_request", message: "A transfer-encoding other than chunked is not passed on" });
        return true;
      }
      void passOn({
        request,
        response,
        send: (headers) =>
          httpRequest({
            agent,
            host: target.hostname.replace(/^\[|\]$/g, ""),
            port: target.port,
            method: request.method,
            path: url,
            headers: { ...headers, host: target.host },
            // Streams of events and waiting claims are silent for as long as they like.
            timeout: 0,
          }),
        unanswered: () =>
          refuse(response, { code: "not_ready", message: "Hive's server is starting; try again in a moment" }),
      });
      return true;
    },
    stop: () => agent.destroy(),
  };
}

/** True when no reader could take the path for another: no empty, dot or escaped separators in it. */
function isPlain(path: string): boolean {
  const [first, ...segments] = path.split("/");
  return first === "" && segments.every(isPlainSegment);
}

function isPlainSegment(segment: string): boolean {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    return false;
  }
  return text !== "" && text !== "." && text !== ".." && !/[/\\%?#;\p{Cc}]/u.test(text);
}
